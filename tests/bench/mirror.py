"""The mirror against its peers, side by side on the same legs.

    fio -> contender -> two legs: RAM (brd), or with latency (null_blk)

The guest's clock counts instructions (one CPU): what is compared is the cost of each
contender in instructions, and two runs agree to the last digit.
"""
from _bench import Results, fio, wanted
from _peers import NAMES, Contender, prepare, ram, slow

MIB = 192
results = Results("mirror")


def run(legs, method, figures, region=512, names=NAMES):
    """Each contender in turn, each figure on it."""
    figures = [figure for figure in figures if wanted(figure[0])]
    for name in names if figures else ():
        contender = Contender(name)
        device = contender.make(legs, region)
        for figure, options in figures:
            results.add(figure, name, fio(device, **options), "IOPS", f"icount, {method}")
        contender.remove()


def cold(depth, region):
    """Each write is the first to its region: 4 KiB, then a step over the rest."""
    return dict(rw=f"write:{region - 4}k", depth=depth, seconds=0, more=f"--size={MIB - 16}m")


boot(modules=(), mem=2048, icount=True, layers=("bench",))
prepare()
legs = ram(2, MIB)
for depth in (1, 32):
    run(legs, f"RAM legs, fio io_uring depth {depth}, regions of 64 KiB",
        [(f"mirror.cold.qd{depth}" + (".ram" if depth > 1 else ""), cold(depth, 64))], region=64)
run(legs, "RAM legs, fio io_uring, regions of 512 KiB", (
    ("mirror.rw4k.qd1", dict(rw="randwrite", seconds=0.4)),
    ("mirror.rw4k.qd32", dict(rw="randwrite", depth=32, seconds=0.4)),
    ("mirror.rr4k.qd32", dict(rw="randread", depth=32, seconds=0.4)),
    ("mirror.sw128k.qd8", dict(rw="write", bs="128k", depth=8, seconds=0.4))))
sh("rmmod brd")

if any(map(wanted, ("mirror.cold.qd32", "mirror.lat.rw4k.qd32", "mirror.lat.rr4k.qd32"))):
    legs = slow(MIB, 100, 64)
    run(legs, "null_blk legs of 100 us, fio io_uring, regions of 64 KiB",
        [("mirror.cold.qd32", cold(32, 64))], region=64)
    run(legs, "null_blk legs of 100 us, fio io_uring, regions of 512 KiB",
        [("mirror.lat.rw4k.qd32", dict(rw="randwrite", depth=32, seconds=0.4,
                                      more=f"--size={MIB - 16}m"))])
    # A leg that takes 4 requests at a time, each for 400 us: 10000 a second at most.
    legs = slow(MIB, 400, 4)
    run(legs, "null_blk legs of 400 us that take 4 requests at a time, fio io_uring",
        [("mirror.lat.rr4k.qd32", dict(rw="randread", depth=32, seconds=1,
                                      more=f"--size={MIB - 16}m"))])

results.table()
results.bars(
    ("mirror.rw4k.qd1", (("md-bitmap", 1.25), ("md", 1.15), ("dm-mirror", 1.6),
                         ("dm-linear", 0.85))),
    ("mirror.rw4k.qd32", (("md-bitmap", 1.25), ("md", 1.15), ("dm-linear", 0.85))),
    ("mirror.cold.qd1", (("md-bitmap", 1),)),
    ("mirror.cold.qd32", (("md-bitmap", 3),)),
    ("mirror.rr4k.qd32", (("dm-linear", 0.98),)),
    ("mirror.lat.rr4k.qd32", (("dm-linear", 1.8),)),
    ("mirror.sw128k.qd8", (("md", 1.05),)))
