"""Under UEFI: a panic on the CPU that did not boot the machine must leave the other one off.

    OVMF  ->  panic, CPU 1  ->  one CPU, dumped, armed again  ->  panic  ->  the same
                                options = disable_cpu_apicid=0
"""
from _dumps import *  # noqa: F403

ready("disable_cpu_apicid=0", extra=("-bios", "/usr/share/ovmf/OVMF.fd"))
expect(rc("test -d /sys/firmware/efi") == 0, "this is no UEFI")
panic("taskset -c 1 sh -c 'echo c >/proc/sysrq-trigger'")
for count in (1, 2):
    dump = dumps()[-1]
    expect(len(dumps()) == count and dump["complete"], f"{dumps()}")
    expect(json.loads(sh(f"ftctl dump show --json {dump['id']}"))["cpus"] == 1, f"{dump}")
    duplex()
    if count == 1:
        panic()
