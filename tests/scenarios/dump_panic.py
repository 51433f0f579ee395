"""A panic: the service answers from the crash kernel, which then takes back its memory.

    first kernel          crash kernel, in 512 MiB        the same, with its memory back
    http on a mirror  ->  http on the mirror; the dump ->  all blocks but those at the edges;
    panic                 is saved by ftstack-dump         armed again, panic

The crash kernel is what the guest was booted with, user space and all.
"""
import gzip

from _dump import *  # noqa: F403
from _server import duplex, set_up

boot_dump()
set_up()
wait_for("test -b /dev/mapper/ftm0")
sh("mkfs.ext4 -q /dev/mapper/ftm0")
serve("durable")
first, total = memory(), sum(b - a for a, b in ram()) + REGION[1]
expect(rc("ftctl dump save") != 0, "saved a dump of a kernel that did not panic")
arm()
said = sh("ftctl dump check; echo $?", check=False)
expect(said.strip()[-1] != "2" and "has not been tried" in said, said)
# What counts is what is in the initramfs: here little that unpacks to much.
put("/persist/well-packed", gzip.compress(bytes(400 << 20), 1))
sh("cp /etc/ftstack/dump.conf /run/; "
   "sed -i 's|^initramfs = .*|initramfs = /persist/well-packed|' /etc/ftstack/dump.conf")
said = sh("ftctl dump check", check=False)
expect("the crash region has 512 MiB" in said and "400 unpacked" in said, said)
sh("cp /run/dump.conf /etc/ftstack/; rm /persist/well-packed; sync")

panic()
back = len(blocks("RETURNED")) + len(blocks("HELD"))
size = int(read("block_size"), 16)
expect(back * size == whole(), f"{back} blocks came back")
note(f"memory {first} MiB, then {memory()} MiB; "
     f"{(back * size + REGION[1]) / total:.1%} of it is back, or is the crash kernel's")
dump = dumps()[0]
expect(dump["complete"] and "sysrq" in dump["panic"], dump)
said = sh(f"ftctl dump show {dump['id']}")
expect("returned_mib" in said and "rearmed_s" in said, said)
away = json.loads(sh(f"ftctl dump show --json {dump['id']}"))["away_s"]
expect(5 < away < 120, said)
said = json.loads(sh("ftctl dump check --json", check=False))[-1]
expect(said["severity"] == "INFO" and f"{dump['id']}: after a panic" in said["text"], said)
expect(sh("stat -c %a /persist/crash").strip() == "700", "a dump is not root's alone")
free = int(sh("grep MemAvailable /proc/meminfo").split()[1]) >> 10
note(sh(f"/run/ftdump fill {free - 100}", 300).strip().splitlines()[-1])
duplex()

# And the next one.
crash()
serve("")
