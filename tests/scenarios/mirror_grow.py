"""A mirror grows while it is written to; a leg, or all power, goes in the midst of it.

    [10] disk  <-->  [11] disk, volatile caches; the mirror takes a part of them

The old end lies within a region. Wherever it stops, the legs become equal, and what was
written behind the old end is there for good.
"""
from _mirror import Mirror, tool

OLD, NEW, ALL = 20040, 30016, 50000      # sectors; regions have 256
BLOCKS = OLD // 8


def legs(mirror):
    """The sizes that the superblocks of two good legs tell."""
    said = [mirror.show(module).split() for module in (10, 11)]
    expect(said[0][:3] == said[1][:3] and said[0][2] == "0", said)
    return [int(leg[3]) for leg in said]


def fresh(timeout_ms=2000):
    """A small mirror that is in use, on disks that differ from its end on."""
    for module in (10, 11):
        sh(f"dd if=/dev/urandom of={disk(module).dev} bs=1M count=2 oflag=direct,seek_bytes "
           f"seek={(2048 + OLD) * 512} status=none")
    made = Mirror(f"--same --region-shift 8 --size {OLD}")
    made.assemble(words=f"timeout_ms {timeout_ms}")
    return made


def load(mirror, size):
    """Another table, of that size."""
    mirror.size = size
    sh(f"dmsetup load ftm0 --table '{mirror.table(words='timeout_ms 2000')}' && "
       "dmsetup resume ftm0")
    expect(sh("blockdev --getsz /dev/mapper/ftm0").strip() == str(size), "it has not grown")


def behind(mirror, size):
    """Write behind the old end; each leg alone then has it, and all the rest is equal."""
    sh(f"dd if=/dev/urandom of=/run/added bs=4k count=64 status=none; "
       f"dd if=/run/added of=/dev/mapper/ftm0 bs=4k seek={size // 8 - 64} oflag=direct "
       f"conv=fsync status=none")
    wait_for(lambda: mirror.status()["reason"] == "NONE" and
             mirror.status()["dirty"].startswith("0/"), 60)
    mirror.stop()
    for module in (10, 11):
        sh(f"cmp -n {64 * 4096} /run/added {disk(module).dev} 0 "
           f"{(1 << 20) + size * 512 - 64 * 4096}")
    said = sh(f"cmp -i 1048576 -n {size * 512} {disk(10).dev} {disk(11).dev} 2>&1", 60, check=False)
    expect(said == "", f"the legs differ: {said}")


boot(backend="fault", size="32M")

# While it is written to: the writer notices nothing.
mirror = fresh()
writer = start(f"ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} --batch 8")
writer.wait_line("ack")
for wrong in ("12", "x", str(NEW + 4)):
    expect("failed" in mirror.message(f"grow {wrong}", check=False), f"grow {wrong} was taken")
expect("too large" in mirror.message("grow 80000", check=False), "it grew beyond its disks")
expect(legs(mirror) == [OLD, OLD], legs(mirror))
mirror.message(f"grow {NEW}")
expect(legs(mirror) == [NEW, NEW], legs(mirror))
load(mirror, NEW)
mirror.message(f"grow {ALL}")
mirror.message(f"grow {ALL}")            # a second time is as good
load(mirror, ALL)
told = len(writer.lines)
wait_for(lambda: len(writer.lines) > told + 50 or not writer.alive, 60)
expect(writer.alive, writer.text[-300:])
writer.kill()
writer.wait(check=False)
behind(mirror, ALL)

# A leg that cannot write its superblock is lost: the other one tells how large it is.
for lost, sizes in ((11, [NEW, NEW]), (10, [OLD, OLD])):
    mirror = fresh()
    disk(lost).error(0, 255, "w")
    expect("failed" in mirror.message(f"grow {NEW}", check=False), "a lost leg was not told")
    mirror.wait("SIMPLEX")
    sh("dd if=/dev/urandom of=/dev/mapper/ftm0 bs=4k count=16 oflag=direct status=none")
    disk(lost).ok()
    wait_for(lambda: "failed" not in mirror.message(f"join {lost - 10} {disk(lost).dev}",
                                                    check=False))
    mirror.wait()
    expect(legs(mirror) == sizes, legs(mirror))
    mirror.message(f"grow {NEW}")
    load(mirror, NEW)
    behind(mirror, NEW)

# One that was away meanwhile is as large as the other when it is back.
mirror = fresh()
mirror.message(f"grow {NEW}")
pull(11)
mirror.wait("SIMPLEX")
mirror.size = NEW
sh(f"dmsetup load ftm0 --table '{mirror.table((10,))}' && dmsetup resume ftm0")
insert(11)
wait_for(lambda: "failed" not in mirror.message(f"join 1 {disk(11).dev}", check=False))
mirror.wait()
behind(mirror, NEW)

# Power goes between the two superblocks: it has grown, and is made whole. The slow leg's bits are
# written before, a second a request.
mirror = fresh(timeout_ms=20000)
disk(11).slow(1)
start(f"dmsetup message ftm0 0 grow {NEW}")
wait_for(lambda: mirror.show(10).endswith(str(NEW)))
sh("sleep 0.3")
power_cut()
disk(11).ok()
boot(fresh=True)
tool()
expect(legs(mirror) == [NEW, OLD], legs(mirror))
mirror.size = NEW
mirror.assemble()
expect(legs(mirror) == [NEW, NEW], legs(mirror))
behind(mirror, NEW)
