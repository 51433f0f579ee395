"""The mirrors that are compared, each on two legs that it is given; all take the legs as
they are for equal."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from ftguest.verbs import *  # noqa: E402,F403
from _mirror import TOOL, tool  # noqa: E402

META = 8192                 # sectors in front of the data, for those that need a place


def prepare():
    """What all of them need in the guest."""
    tool()
    sh("for module in raid1 dm_raid dm_mirror; do modprobe $module || exit; done")


class Contender:
    """One mirror; its devices carry its number, so that several can be there at a time."""

    def __init__(self, name, number=0):
        self.name, self.number, self.device = name, number, None
        self.legs = ()

    def make(self, legs, region=512, settle=True):
        """On these legs, with regions of so many KiB where there are regions."""
        self.legs = legs
        size = int(sh(f"blockdev --getsz {legs[0]}"))
        for leg in legs:
            sh(f"dd if=/dev/zero of={leg} bs=1M count=8 oflag=direct status=none")
        how = getattr(self, "_" + self.name.replace("-", "_"))
        self.device = how(legs, size, region)
        if settle and "bitmap" in self.name:
            # mdadm makes bitmaps whose bits are all set, and md clears them bit by bit.
            sh("sleep 25")
        return self.device

    def map(self, name, table):
        """A device-mapper device of this contender's."""
        sh(f"dmsetup create {name}{self.number} --table '{table}'")
        return f"/dev/mapper/{name}{self.number}"

    def _dm_linear(self, legs, size, _):
        return self.map("x", f"0 {size - 2048} linear {legs[0]} 2048")

    def _ft_mirror(self, legs, _, region):
        shift = (region * 2).bit_length() - 1
        size, uuid = sh(f"{TOOL} --same --region-shift {shift} {legs[0]} {legs[1]}").split()
        return self.map("x", f"0 {size} ft-mirror {uuid} {legs[0]} {legs[1]}")

    def _md(self, legs, *_, bitmap="none"):
        sh(f"yes | mdadm --create /dev/md{self.number} --level=1 --raid-devices=2 --assume-clean "
           f"--metadata=1.2 --bitmap={bitmap} {legs[0]} {legs[1]} 2>&1; udevadm settle")
        return f"/dev/md{self.number}"

    def _md_bitmap(self, legs, _, region):
        return self._md(legs, bitmap=f"internal --bitmap-chunk={region}K")

    def _dm_raid_bitmap(self, legs, size, region):
        # Metadata at the start of each leg, the data behind it.
        parts = []
        for i, leg in enumerate(legs):
            parts.append(self.map(f"m{i}_", f"0 {META} linear {leg} 0"))
            sh(f"dd if=/dev/zero of={parts[-1]} bs=1M count=4 status=none")
            parts.append(self.map(f"d{i}_", f"0 {size - META} linear {leg} {META}"))
        return self.map("x", f"0 {size - META} raid raid1 4 0 nosync region_size {region * 2} "
                             f"2 {' '.join(parts)}")

    def _dm_mirror(self, legs, size, region):
        log = self.map("log", f"0 {META} linear {legs[0]} 0")
        sh(f"dd if=/dev/zero of={log} bs=1M count=4 status=none")
        return self.map("x", f"0 {size - META} mirror disk 3 {log} {region * 2} nosync "
                             f"2 {legs[0]} {META} {legs[1]} {META} 1 handle_errors")

    def remove(self):
        """Stop it, and forget what it has left on its legs."""
        n = self.number
        sh(f"udevadm settle; mdadm --stop /dev/md{n} 2>/dev/null; "
           f"for d in x{n} log{n} m0_{n} m1_{n} d0_{n} d1_{n}; do "
           "dmsetup info $d >/dev/null 2>&1 && dmsetup remove --retry $d; done; "
           "udevadm settle; true", 120)


NAMES = ("ft-mirror", "dm-linear", "md", "md-bitmap", "dm-raid-bitmap", "dm-mirror")


def fill(devices, mib):
    """Nobody is the first to use their memory."""
    for device in devices:
        sh(f"dd if=/dev/zero of={device} bs=1M count={mib} oflag=direct status=none", 300)


def ram(legs, mib):
    """Legs in RAM."""
    sh(f"modprobe brd rd_nr={legs} rd_size={mib * 1024}")
    devices = [f"/dev/ram{i}" for i in range(legs)]
    fill(devices, mib)
    return devices


def slow(mib, latency_us, depth):
    """Two legs that answer after so long, and take so many requests at a time."""
    sh("modprobe -r null_blk; modprobe null_blk nr_devices=2 gb=1 memory_backed=1 irqmode=2 "
       f"completion_nsec={latency_us * 1000} hw_queue_depth={depth}")
    devices = ["/dev/nullb0", "/dev/nullb1"]
    fill(devices, mib)
    return devices
