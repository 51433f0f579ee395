"""Panics of each kind, one after the other, on each CPU: dumped, serving, armed again.

    NMI, CPU 1 -> BUG in a module, CPU 1 -> hung task -> sysrq, CPU 0 -> any
    `------------ armed again after each -----------'   not armed    firmware
"""
from _dumps import *  # noqa: F403

KINDS = (
    ("NMI", "taskset -c 0 insmod /run/ftbug.ko nmi=1"),
    ("kernel BUG at .*ftbug", "taskset -c 1 insmod /run/ftbug.ko"),
    ("hung_task", "sysctl -qw kernel.hung_task_timeout_secs=3; fsfreeze -f /mnt; touch /mnt/x"),
)

ready()
for number, (said, how) in enumerate(KINDS, 1):
    sh("sysctl -qw kernel.unknown_nmi_panic=1 kernel.panic_on_oops=1 kernel.hung_task_panic=1")
    kernel_module("ftbug")
    panic(how)
    dump = dumps()[-1]
    expect(dump["complete"] and re.search(said, dump["panic"]), f"{dump}")
    cpus = sh("nproc").strip()
    expect(cpus == "2", f"{cpus} CPU came back")
    expect(len(dumps()) == min(number, 3), f"{len(dumps())} dumps are kept")
    duplex()

# The fourth within an hour: dumped, and served, but not armed any more.
crash("taskset -c 0 sh -c 'echo c >/proc/sysrq-trigger'")
serve("")
said = wait_saved()
expect("4 panics within 3600 s" in said, said)
expect(read("state") == "RETURNED", said)
expect(dumps()[-1]["complete"] and len(dumps()) == 3, f"{dumps()}")
expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "0", "armed again after all")
expect("no crash kernel is loaded" in sh("ftctl dump check", check=False), "check does not know")
duplex()
reset("echo c >/proc/sysrq-trigger")
expect(len(dumps()) == 3, "a panic without a crash kernel has left a dump")

# A person may arm it all the same; through the firmware, it has forgotten.
arm()
panic()
expect(dumps()[-1]["complete"], f"{dumps()}")
