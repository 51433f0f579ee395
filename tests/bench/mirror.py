"""The mirror against its peers, side by side on the same legs.

    fio -> contender -> two legs: RAM (brd), and null_blk with 100 us latency

The guest's clock counts instructions (one CPU): what is compared is the cost of each
contender in instructions, and two runs agree to the last digit.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results, fio  # noqa: E402
from _mirror import TOOL, tool  # noqa: E402

MIB = 128
SECTORS = MIB * 2048
REGION = 1024               # sectors: 512 KiB, for all that have regions
results = Results("mirror")


def linear(legs):
    sh(f"dmsetup create x --table '0 {SECTORS - 2048} linear {legs[0]} 2048'")
    return "/dev/mapper/x"


def ft_mirror(legs):
    size, uuid = sh(f"{TOOL} --same --region-shift 10 {legs[0]} {legs[1]}").split()
    sh(f"dmsetup create x --table '0 {size} ft-mirror {uuid} {legs[0]} {legs[1]}'")
    return "/dev/mapper/x"


def md(bitmap):
    def make(legs):
        sh(f"yes | mdadm --create /dev/md0 --level=1 --raid-devices=2 --assume-clean "
           f"--metadata=1.2 {bitmap} {legs[0]} {legs[1]} 2>&1; udevadm settle")
        return "/dev/md0"
    return make


def dm_raid(legs):
    # Metadata of 4 MiB at the start of each leg, the data behind it.
    for i, leg in enumerate(legs):
        sh(f"dmsetup create m{i} --table '0 8192 linear {leg} 0'; "
           f"dd if=/dev/zero of=/dev/mapper/m{i} bs=1M count=4 2>/dev/null; "
           f"dmsetup create d{i} --table '0 {SECTORS - 8192} linear {leg} 8192'")
    sh(f"dmsetup create x --table '0 {SECTORS - 8192} raid raid1 4 0 nosync region_size {REGION} "
       "2 /dev/mapper/m0 /dev/mapper/d0 /dev/mapper/m1 /dev/mapper/d1'")
    return "/dev/mapper/x"


def dm_mirror(legs):
    sh(f"dmsetup create log --table '0 8192 linear {legs[0]} 0'; "
       "dd if=/dev/zero of=/dev/mapper/log bs=1M count=4 2>/dev/null; "
       f"dmsetup create x --table '0 {SECTORS - 8192} mirror disk 3 /dev/mapper/log {REGION} nosync "
       f"2 {legs[0]} 8192 {legs[1]} 8192'")
    return "/dev/mapper/x"


CONTENDERS = {
    "ft-mirror": ft_mirror,
    "dm-linear": linear,
    "md": md("--bitmap=none"),
    "md-bitmap": md("--bitmap=internal --bitmap-chunk=512K"),
    "dm-raid-bitmap": dm_raid,
    "dm-mirror": dm_mirror,
}


def tear_down():
    sh("udevadm settle; mdadm --stop /dev/md0 2>/dev/null; "
       "for n in x log m0 m1 d0 d1; do dmsetup remove --retry $n 2>/dev/null; done; "
       "udevadm settle; true", 120)


def run(legs, method, figures):
    """Each contender in turn, each figure on it; a cold figure is the first on a new one."""
    for name, make in CONTENDERS.items():
        for leg in legs:
            sh(f"dd if=/dev/zero of={leg} bs=1M count=8 oflag=direct 2>/dev/null")
        device = make(legs)
        for figure, options in figures:
            results.add(figure, name, fio(device, **options), "IOPS", method)
        tear_down()


def cold(depth):
    """Each write is the first to its region: 4 KiB, then a step over the rest."""
    return dict(rw=f"write:{REGION // 2 - 4}k", depth=depth, seconds=0, more="--size=112M")


boot(modules=(), mem=2048, icount=True, layers=("bench",))
tool()
sh(f"modprobe brd rd_nr=2 rd_size={MIB * 1024}; modprobe raid1; modprobe dm_raid; "
   "modprobe dm_mirror; modprobe null_blk nr_devices=0")
ram = ("/dev/ram0", "/dev/ram1")
run(ram, "icount, RAM legs, fio io_uring", (
    ("mirror.cold.qd1", cold(1)),))
run(ram, "icount, RAM legs, fio io_uring", (
    ("mirror.rw4k.qd1", dict(rw="randwrite")),
    ("mirror.rw4k.qd32", dict(rw="randwrite", depth=32)),
    ("mirror.rr4k.qd32", dict(rw="randread", depth=32)),
    ("mirror.sw128k.qd8", dict(rw="write", bs="128k", depth=8))))

sh("rmmod brd; rmmod null_blk; modprobe null_blk nr_devices=2 irqmode=2 "
   "completion_nsec=100000 gb=1 memory_backed=1 hw_queue_depth=64")
run(("/dev/nullb0", "/dev/nullb1"), "icount, null_blk legs of 100 us, fio io_uring", (
    ("mirror.cold.qd32", cold(32)),
    ("mirror.lat.rw4k.qd32", dict(rw="randwrite", depth=32, more="--size=112M")),
    ("mirror.lat.rr4k.qd32", dict(rw="randread", depth=32, more="--size=112M"))))

results.table()
for figure, theirs in (("mirror.rw4k.qd1", ("md-bitmap", "md", "dm-mirror", "dm-linear")),
                       ("mirror.rw4k.qd32", ("md-bitmap", "md", "dm-linear")),
                       ("mirror.rr4k.qd32", ("dm-linear", "md")),
                       ("mirror.sw128k.qd8", ("md",)),
                       ("mirror.cold.qd1", ("md-bitmap",)),
                       ("mirror.cold.qd32", ("md-bitmap",))):
    print(f"{figure:24} ft-mirror is "
          + ", ".join(f"{results.ratio(figure, 'ft-mirror', t)} x {t}" for t in theirs))
