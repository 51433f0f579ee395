"""A panic while the dump of another is being saved, where there is a second region for that.

    1,024 MiB reserved: |headers|  second region, 512 MiB  |   the rest is the crash kernel's   |

    panic -> saved, memory back,  -> panic -> in the middle of -> its crash kernel serves, saves
             armed with 1,024 MiB             its dump: panic     the dump of the crash kernel
"""
from _dumps import *  # noqa: F403

GIB = 1 << 30


def crash_size():
    return int(sh("cat /sys/kernel/kexec_crash_size"))


def loaded():
    return sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1"


boot(mem=2800, crash="1024M@256M")
set_up()
wait_for("test -b /dev/mapper/ftm0")
sh("mkfs.ext4 -q /dev/mapper/ftm0")
serve("durable")
before = memory()
arm("\nsecond_mib = 512")
expect(rc("ftctl dump check") == 0, sh("ftctl dump check", check=False))

panic()
expect(crash_size() == GIB, f"armed again with {crash_size() >> 20} MiB")
note(f"memory {before} MiB, then {memory()} MiB")
first = dumps()[0]
expect(first["complete"], f"{first}")
duplex()

crash()
wait_for("set -- /persist/crash/2*; shift; test -s $1/dump", 120)
expect(read("state") == "OPEN", "it is too late for a panic in the middle of the dump")
expect(loaded() and crash_size() == GIB // 2, f"the crash kernel has no other in its {crash_size()}")
crash()
serve("")
said = wait_saved()
for line in said.splitlines():
    note(line)
kept = dumps()
expect([dump["complete"] for dump in kept] == [True, False, True], f"{kept}")
expect(kept[0]["id"] == first["id"] and all("sysrq" in dump["panic"] for dump in kept), f"{kept}")
cut_off = f"/persist/crash/{kept[1]['id']}"
expect(rc(f"grep -q sysrq {cut_off}/dmesg && ! test -e {cut_off}/dump") == 0, sh(f"ls {cut_off}"))
expect(read("state") == "RETURNED", said)
note(f"memory {memory()} MiB; {sh('ftctl status', check=False)}")
duplex()
