"""Bad blocks: read from the other leg and repaired; a leg is lost only when it cannot be.

      +-- 10: disk with bad blocks --+
    --+                              +-- ftm0
      +-- 11: disk with bad blocks --+

Blocks that are bad on both legs at different places cost nothing, at the same place only
themselves; an error of a write costs the leg, but never the last good one.
"""
from _legs import Legs


def bad(module, *blocks, how="r"):
    """4 KiB blocks of the mirror that fail on this leg."""
    for block in blocks:
        disk(module).error(2048 + 8 * block, 2048 + 8 * block + 7, how)


def read(block, count=1, size=1):
    """What so many blocks hold, read `size` at a time; empty if they cannot be read."""
    return sh(f"dd if=/dev/mapper/ftm0 of=/run/read bs={4096 * size} skip={block // size} "
              f"count={count // size} iflag=direct status=none 2>/dev/null && "
              "sha256sum </run/read", check=False)


def read_all(rounds):
    """Several at a time, so that both legs are read."""
    for _ in range(rounds):
        sh("for n in 1 2 3 4; do dd if=/dev/mapper/ftm0 of=/dev/null bs=16k count=2048 "
           "iflag=direct status=none || touch /run/failed & done; wait; ! test -e /run/failed")


def write(block):
    return rc(f"dd if=/dev/urandom of=/dev/mapper/ftm0 bs=4096 seek={block} count=1 oflag=direct "
              "conv=notrunc status=none")


boot(size="64M", backend="fault")
mirror = Legs("--same --region-shift 8")
mirror.assemble()
sh("dd if=/dev/urandom of=/dev/mapper/ftm0 bs=1M count=32 oflag=direct status=none")
whole = read(0, 8192)

# Bad at different places, even within one read: all is read, and rewritten.
bad(10, 10, 1000, 4000)
bad(11, 13, 2000, 4004)
wrote = [disk(module).count["write"] for module in (10, 11)]
expect(read(0, 8192, 256) == whole, "one large read was not answered from both legs")
expect(read(0, 8192) == whole, "other data was read from the other leg")
read_all(3)
status = mirror.status()
note(str(status))
expect(int(status["repaired"]) >= 2 and status["state"] == "DUPLEX", str(status))
for before, module in zip(wrote, (10, 11)):
    expect(disk(module).count["write"] > before, f"nothing was rewritten on leg {module}")
expect(read(0, 8192) == whole, "repair has changed data")

# Bad at the same place: this block only, and no leg is lost.
bad(10, 3000)
bad(11, 3000)
expect(not read(3000), "a block that neither leg can read was read")
expect(read(2999) and read(3001), "a neighbour of the bad block cannot be read")
expect(mirror.state() == "DUPLEX", f"a leg was lost: {mirror.status()}")

# The rewrite of a bad block fails, too: the leg is lost, the other carries on.
disk(10).ok()
disk(11).ok()
expect(read(0, 8192) == whole, "other data than before")
bad(11, 5000, how="rw")
for _ in range(20):
    read_all(1)
    if mirror.state() != "DUPLEX":
        break
mirror.wait("SIMPLEX", 5)
status = mirror.status()
expect(status["state1"] == "FAULTY" and status["state0"] == "IN_SYNC", str(status))
expect(write(5001) == 0, "the survivor takes no writes")

# It is the last good one: a bad block is an error of that block, not of the leg.
bad(10, 500)
expect(not read(500) and read(501), "one bad block is not one bad block")
expect(mirror.state() == "SIMPLEX", f"the last good leg was lost for a bad block: {mirror.status()}")
expect("busy" in mirror.message("remove 0", check=False).lower(), "the last good leg was removed")

# An error of a write of a leg that has returned: lost again.
disk(10).ok()
disk(11).ok()
mirror.join(11)
mirror.wait()
bad(11, 6000, how="w")
expect(write(6000) == 0, "a write that one leg has taken has failed")
mirror.wait("SIMPLEX", 10)
disk(11).ok()
mirror.join(11)
mirror.wait()

# A resync meets a block that only the source has, and cannot read: all else is copied,
# and the leg that lacks it is not taken for good until it has been written anew.
mirror.message("remove 1")
expect(write(7000) == 0 and write(7001) == 0, "the survivor takes no writes")
bad(10, 7000)
mirror.join(11)
wait_for(lambda: "UNREADABLE" in sh("dmsetup status ftm0"), 60)
status = mirror.status()
note(str(status))
expect(status["state"] == "SYNCING" and status["state1"] == "SYNCING", str(status))
expect(not read(7000) and read(7001), "one bad block is not one bad block")
disk(10).ok()
expect(write(7000) == 0, "the bad block cannot be written to")
mirror.wait()
mirror.stop()
mirror.identical()
