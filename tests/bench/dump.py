# SPDX-License-Identifier: GPL-2.0
"""A panic: how long the service is away, against stock kdump and its reboot.

    ft-dump  panic -> crash kernel -> service | dump saved, memory back, armed again
    kdump    panic -> crash kernel -> dump saved -> firmware -> kernel -> service

Both in one guest: root in memory, the page on a mirror, asked for through the bond. kdump
is loaded with the command line that Debian's kdump-tools loads it with, and dumps by its
script. The clock counts instructions and runs on through a panic; after the reboot it
begins at 0 with the firmware; idle=poll keeps it from jumping ahead while a disk of the host's
is waited for. QEMU's firmware takes a second, a server's takes minutes.
"""
import json
import sys
from pathlib import Path

from ftguest import paths

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results, wanted  # noqa: E402
import _dump  # noqa: E402
from _server import set_up  # noqa: E402

paths.PATIENCE *= 10  # who polls while idle takes his time
HERE = Path(__file__).parent
SIZES = {"dump.service.2g": 2048, "dump.service.4g": 4096, "dump.service.8g": 8192,
         "dump.returned.s.32g": 32768}
# As kdump-tools has it; and root=none as for ours, without which the root has too little memory.
APPEND = ("root=none reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 irqpoll "
          "usbcore.nousb")
SERVE = """
until ip addr replace 10.77.0.2/24 dev ftb0 && ip link set ftb0 up && mount /dev/mapper/ftm0 /mnt
do sleep 0.02; done 2>/dev/null
systemctl start web.socket
exec /persist/ftdump ask 10.77.0.2 /persist/answered
"""


legs = []  # of the rounds before


def bring_up(size, **options):
    start, length = _dump.REGION
    if size > 8192:  # more than the host has; little of it is ever touched
        options["extra"] = ("-object", f"memory-backend-ram,id=ram,size={size}M,reserve=off",
                            "-machine", "memory-backend=ram")
    boot(mem=size, icount=True, cmdline="idle=poll", size="64M", layers=("dump", HERE / "dump_guest"),
         crash=f"{length >> 20}M@{start >> 20}M", **options)


def ready(size):
    """A server that serves a page, and is about to panic; its disks are blank."""
    for blank in legs:
        with open(blank, "wb") as file:
            file.truncate(64 << 20)
    bring_up(size, cold=True)
    sh("systemctl stop ftd; rm -rf /persist/serve /persist/answered /persist/crash /var/crash/2* "
       "/etc/ftstack/* /var/lib/ftstack/*; systemctl start ftd")
    legs[:] = image(10), image(11)
    set_up()
    wait_for("test -b /dev/mapper/ftm0")
    _dump.tool("ftdump")
    sh("mkfs.ext4 -q /dev/mapper/ftm0 && mount /dev/mapper/ftm0 /mnt && echo durable >/mnt/page "
       "&& umount /mnt && cp /run/ftdump /persist/")
    put("/persist/serve", SERVE)


def stamp(name):
    """Seconds of the CPU's counter, which counts 1,000,000,000 of them in one here."""
    return int(sh(f"cat /persist/{name}")) / 1e9


def ft_dump():
    _dump.arm()
    sh("sync")
    crash("/persist/ftdump panic /persist/panicked", 600)
    wait_for("test -s /persist/answered", 600)
    away = stamp("answered") - stamp("panicked")
    _dump.wait_saved()
    dump = json.loads(sh(f"ftctl dump show --json {_dump.dumps()[-1]['id']}"))
    expect(dump["saved"], f"no dump was saved: {dump}")
    note(f"{dump}")
    note(sh("journalctl -b -q -o short-monotonic -u ftd -u ftstack-dump -u bench --no-pager"))
    return away, dump


def kdump(size):
    _dump.bring_kernel()
    sh('kexec -p -s --initrd=/persist/boot/initrd --command-line="$(sed '
       "'s/ *crashkernel=[^ ]*//' /proc/cmdline) " + APPEND + '" /persist/boot/vmlinuz; sync', 120)
    allow_kmsg("Kernel panic|Call Trace")
    start("/persist/ftdump panic /persist/panicked")
    ended(900)
    bring_up(size)
    wait_for("test -s /persist/answered", 600)
    expect(rc("ls /var/crash/*/dump.*") == 0, "kdump has saved nothing")
    note(sh("ls -l /var/crash/*"))
    return stamp("rebooted") - stamp("panicked") + stamp("answered")


results = Results("dump")
method = "panic to HTTP answer from the mirror, 1 vCPU, icount; firmware is QEMU's"
for name, size in SIZES.items():
    came = name.rpartition(".")[2]
    if wanted(name):
        ready(size)
        before = _dump.memory()
        away, dump = ft_dump()
        results.add(f"dump.service.{came}", "ft-dump", round(away, 2), "s", method)
        results.add(f"dump.returned.share.{came}", "ft-dump",
                    round(_dump.memory() / before, 3), "", "MemTotal, before and after")
        results.add(f"dump.returned.s.{came}", "ft-dump", round(dump["return_s"], 3), "s",
                    "sealed, quiesced, added and online; icount")
        power_cut()
        if name.startswith("dump.service"):
            ready(size)
            results.add(name, "kdump", round(kdump(size), 2), "s", method)
            power_cut()
results.table()
