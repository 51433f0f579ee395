"""What many mirrors cost in CPU time, and a large one in memory.

    64 mirrors on 128 legs in RAM, idle and with 20 writes a second each
    one mirror on two legs of 1 TiB, every part of it written to
"""
from _bench import Results, wanted
from _peers import Contender, prepare

MANY = 64
REGION = 4096               # KiB: the mirror's own choice for 1 TiB
results = Results("mirror")


def busy(seconds, doing="sleep {}"):
    """Milliseconds of CPU time in each second, by the scheduler's idle clock."""
    before = sh("cat /proc/uptime").split()
    sh(doing.format(seconds), 300)
    after = sh("cat /proc/uptime").split()
    passed, idle = (float(b) - float(a) for a, b in zip(before, after))
    return round(1000 * (passed - idle) / passed, 2)


def used():
    """KiB of memory that are gone for good."""
    sh("sync; echo 3 >/proc/sys/vm/drop_caches; sleep 2")
    return int(sh("grep MemFree /proc/meminfo").split()[1])


boot(modules=(), mem=2048, icount=True, layers=("bench",))
prepare()
NAMES = ("ft-mirror", "md-bitmap")

if any(map(wanted, ("mirror.many.idle", "mirror.many.load"))):
    sh(f"modprobe brd rd_nr={2 * MANY} rd_size=8192")
    nothing = busy(20)
    for name in NAMES:
        contenders = [Contender(name, number) for number in range(MANY)]
        for contender in contenders:
            contender.make([f"/dev/ram{2 * contender.number + leg}" for leg in (0, 1)], 64,
                           settle=False)
        sh("sleep 30")
        results.add("mirror.many.idle", name, round(busy(20) - nothing, 2), "ms/s",
                    f"icount, {MANY} mirrors, CPU time beside that of the guest itself")
        jobs = " ".join(f"--name=j{c.number} --filename={c.device}" for c in contenders)
        load = ("fio --thread --direct=1 --ioengine=psync --rw=randwrite --bs=4k --rate_iops=20 "
                "--size=4m --time_based --runtime={} --output=/dev/null " + jobs)
        results.add("mirror.many.load", name, busy(10, load), "ms/s",
                    f"icount, {MANY} mirrors with 20 direct writes of 4 KiB a second each, "
                    "all CPU time, fio's too")
        for contender in contenders:
            contender.remove()
    sh("rmmod brd")

if wanted("mirror.many.memory"):
    for name in NAMES:
        sh("modprobe -r null_blk; modprobe null_blk nr_devices=2 gb=1024 memory_backed=1")
        contender = Contender(name)
        before = used()
        device = contender.make(("/dev/nullb0", "/dev/nullb1"), REGION, settle=False)
        # One write in each GiB: all that is made when it is needed is there then.
        sh(f"fio --name=x --filename={device} --direct=1 --ioengine=psync --bs=4k "
           f"--rw=write:{(1 << 20) - 4}k --output=/dev/null", 300)
        disks = 2 * 1024 * 4 + 2 * 8192     # KiB that lie on the legs: those blocks, the first 8 MiB
        results.add("mirror.many.memory", name, before - used() - disks, "KiB",
                    f"one mirror of 1 TiB, regions of {REGION} KiB, one block written in each GiB; "
                    "what MemFree lost, less what lies on the legs")
        contender.remove()

results.table()
