"""A panic: the service answers from the crash kernel, which then takes back its memory.

    first kernel          crash kernel, in 512 MiB        the same, with its memory back
    http on a mirror  ->  http on the mirror; the dump ->  all blocks but those at the edges;
    panic                 is saved by ftstack-dump         armed again, panic

The crash kernel is what the guest was booted with, user space and all.
"""
import json

from _dump import *  # noqa: F403
from _server import duplex, set_up

WEB = {
    "web.socket": "[Socket]\nListenStream=80\nAccept=yes\n",
    "web@.service": "[Service]\nStandardInput=socket\nExecStart=/bin/sh -c 'read line; "
                    "printf \"HTTP/1.0 200 OK\\\\r\\\\n\\\\r\\\\n\"; exec cat /mnt/page'\n",
}


def serve(page):
    """The service: a page that lies on the mirror, asked for through the bond."""
    for name, text in WEB.items():
        put(f"/run/systemd/system/{name}", text)
    wait_for("mount /dev/mapper/ftm0 /mnt", 120)
    wait_for("ip addr replace 10.77.0.2/24 dev ftb0 && ip link set ftb0 up")
    if page:
        sh(f"echo {page} >/mnt/page; sync -f /mnt/page")
    sh("systemctl daemon-reload; systemctl start web.socket")
    wait_for(lambda: "durable" in peer(
        "bash -c 'exec 3<>/dev/tcp/10.77.0.2/80 && echo GET / >&3 && timeout 5 cat <&3' 2>&1",
        check=False), 60)


def panic():
    """Returns when the dump's unit has ended: its result."""
    before = now()
    crash()
    serve("")
    note(f"the service answers {now() - before:.1f} s after the panic, "
         f"old memory {sh(f'cat {SYSFS}/state 2>&1', check=False).strip()}")
    wait_for("systemctl show -P ActiveState ftstack-dump | grep -qx -e inactive -e failed && "
             "! systemctl show -P ExecMainExitTimestampMonotonic ftstack-dump | grep -qx 0", 300)
    said = sh("journalctl -b -q -o cat -u ftstack-dump --no-pager")
    for line in said.splitlines():
        note(line)
    expect(read("state") == "RETURNED", f"the memory is {read('state')}: {read('error')}\n{said}")
    expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", f"not armed again\n{said}")
    tool("ftdump")


boot_dump()
set_up()
sh("mkfs.ext4 -q /dev/mapper/ftm0")
serve("durable")
first, total = memory(), sum(b - a for a, b in ram()) + REGION[1]
expect(rc("ftctl dump save") != 0, "saved a dump of a kernel that did not panic")
arm()
expect(rc("ftctl dump check") != 2, sh("ftctl dump check", check=False))

panic()
back = len(blocks("RETURNED")) + len(blocks("HELD"))
size = int(read("block_size"), 16)
expect(back * size == whole(), f"{back} blocks came back")
note(f"memory {first} MiB, then {memory()} MiB; "
     f"{(back * size + REGION[1]) / total:.1%} of it is back, or is the crash kernel's")
dump = json.loads(sh("ftctl dump list --json"))[0]
expect(dump["complete"] and "sysrq" in dump["panic"], dump)
said = sh(f"ftctl dump show {dump['id']}")
expect("returned_mib" in said and "rearmed_s" in said, said)
expect(sh("stat -c %a /persist/crash").strip() == "700", "a dump is not root's alone")
free = int(sh("grep MemAvailable /proc/meminfo").split()[1]) >> 10
note(sh(f"/run/ftdump fill {free - 100}", 300).strip().splitlines()[-1])
duplex()

# And the next one.
crash()
serve("")
