"""The mirror against its peers on two CPUs, whose threads submit at the same time.

    fio, two threads -> contender -> two legs in RAM, of its own

By the clock on the wall, so each figure is the median of several rounds in which all
contenders take turns.
"""
from _bench import Results, fio, median, wanted
from _peers import Contender, prepare, ram

MIB = 64
ROUNDS = 5
NAMES = ("ft-mirror", "dm-linear", "md", "md-bitmap")
FIGURES = (
    ("mirror.smp.rw4k.qd32", dict(rw="randwrite", depth=16)),
    ("mirror.smp.rr4k.qd32", dict(rw="randread", depth=16)),
    ("mirror.smp.sw128k.qd8", dict(rw="write", bs="128k", depth=4,
                                   more="--size=24m --offset_increment=24m")))
results = Results("mirror")

boot(modules=(), mem=2048, layers=("bench",))
prepare()
legs = ram(2 * len(NAMES), MIB)
contenders = [Contender(name, number) for number, name in enumerate(NAMES)]
for contender in contenders:
    contender.make((legs[2 * contender.number], legs[2 * contender.number + 1]), settle=False)
sh("sleep 25")
for figure, options in FIGURES:
    if not wanted(figure):
        continue
    values = {name: [] for name in NAMES}
    for turn in range(ROUNDS):
        # There and back, so that none always comes after the same other one.
        for contender in contenders[::-1 if turn % 2 else 1]:
            values[contender.name].append(
                fio(contender.device, jobs=2, seconds=0.7, **options))
    for name in NAMES:
        results.add(figure, name, round(median(values[name])), "IOPS",
                    f"2 vCPUs, wall clock, median of {ROUNDS} rounds, RAM legs, 2 fio threads, "
                    f"regions of 512 KiB; lowest {min(values[name])}, "
                    f"highest {max(values[name])}")
for contender in contenders:
    contender.remove()

results.table()
results.bars(
    ("mirror.smp.rw4k.qd32", (("md-bitmap", 1.25), ("md", 1))),
    ("mirror.smp.rr4k.qd32", (("md", 1),)),
    ("mirror.smp.sw128k.qd8", (("md", 1),)))
