"""The module with the dump's disk is pulled while the dump is saved, then the other one.

    module 10: disk 1 --+                          10: disk 2: the dump
                        +-- mirror: the service
    module 11: disk 1 --+
"""
from _dumps import *  # noqa: F403

PLACE = "/run/dumps"


def place():
    """The dump's own disk, in module 10."""
    wait_for(f"test -b /dev/disk/by-id/nvme-*_{disk(10, 2).serial}")
    wait_for(f"mkdir -p {PLACE}; mount {disk(10, 2).dev} {PLACE}")


def during(module):
    """A panic, and a pull in the middle of the save; returns what the save has said."""
    before = len(dumps())
    crash()
    serve("")
    place()
    disk(10, 2).slow(0.05)
    saving = start("modprobe ft_dump && ftctl dump save")
    wait_for(f"set -- {PLACE}/crash/2*; shift {before}; test -s $1/dump", 120)
    expect(read("state") == "OPEN", "it is too late for a pull in the middle of the dump")
    pull(module)
    disk(10, 2).ok()
    serve_still()
    said = saving.wait(300, check=False)
    for line in said.splitlines():
        note(line)
    expect(read("state") == "RETURNED", said)
    expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", f"not armed again\n{said}")
    expect(mirror()["state"] == "SIMPLEX", f"the mirror is {mirror()['state']}")
    serve_still()
    return saving.status


def serve_still():
    sh("echo durable >/mnt/page; sync -f /mnt/page")
    answers()


def set_aside():
    """The dump's own disk is none that setup should find: it is to be no leg."""
    global pci
    dev = disk(10, 2).dev
    name = dev.removeprefix("/dev/")
    sh(f"mkfs.ext4 -q {dev}")
    pci = sh(f"basename $(readlink -f /sys/class/block/{name}/device/device)").strip()
    sh(f"echo {pci} >/sys/bus/pci/drivers/nvme/unbind")


pci = None
ready("ftguest.by-hand", set_aside, disks=2, backend="fault")
sh(f"echo {pci} >/sys/bus/pci/drivers/nvme/bind")
place()
sh(f"sed -i 's|^path = .*|path = {PLACE}/crash|' /etc/ftstack/dump.conf; sync")

# The side of the service's other leg: the dump is saved.
expect(during(11) == 0, "the dump was not saved though its disk was there")
expect(dumps()[-1]["complete"], f"{dumps()}")
insert(11)
duplex()

# The side of the dump: it is lost, and nothing else is.
allow_kmsg("EXT4-fs|I/O error|Aborting journal")
expect(during(10) != 0, "a dump whose disk is gone was saved")
sh(f"umount -l {PLACE}")
insert(10)
duplex()
place()
expect(dumps()[0]["complete"], f"the first dump is gone: {dumps()}")
sh("systemctl stop web.socket; umount /mnt")
identical()
