"""The debug kernel's checks are armed: their silence means something.

A guest, before and after its modules were pulled and put back.
"""
boot()


def armed():
    """Each check says itself that it is at work."""
    config = sh("zcat /proc/config.gz")
    for option in ("KASAN", "KASAN_VMALLOC", "PROVE_LOCKING", "DEBUG_ATOMIC_SLEEP",
                   "DEBUG_OBJECTS", "DETECT_HUNG_TASK", "FAULT_INJECTION_STACKTRACE_FILTER"):
        expect(f"CONFIG_{option}=y\n" in config, f"the kernel has no {option}")
    expect(sh("grep -c 'debug_locks: *1$' /proc/lockdep_stats").strip() == "1",
           "lockdep is switched off")
    sh("mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug")
    # A kmemleak that is switched off takes no scan.
    sh("echo scan >/sys/kernel/debug/kmemleak; test -d /sys/kernel/debug/failslab", 120)


armed()
for module in (10, 11):
    pull(module)
    insert(module)
armed()
