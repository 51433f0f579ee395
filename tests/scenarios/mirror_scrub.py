"""Scrub: both legs are read and compared while they are in use; what differs is counted,
and made equal on demand; what one leg cannot read is rewritten from the other.

      +-- 10: disk ------------------+
    --+                              +-- ftm0 <- checked writer
      +-- 11: disk that is spoilt ---+
"""
from _legs import Legs

BLOCKS = 4096           # of the mirror; the writer has those behind them


def spoil(module, *blocks):
    """Other data on this leg, and the mirror does not know."""
    for block in blocks:
        sh(f"dd if=/dev/urandom of={disk(module).dev} bs=4096 seek={256 + block} count=1 "
           "oflag=direct conv=notrunc status=none")


def scrub(how):
    mirror.message(f"scrub {how}")
    wait_for(lambda: mirror.status()["scrub"] == "idle", 60)
    return [int(mirror.status()[key]) for key in ("found", "fixed", "unreadable")]


def first():
    return sh(f"dd if=/dev/mapper/ftm0 bs=1M count={BLOCKS // 256} iflag=direct status=none "
              "| sha256sum")


boot(size="64M", backend="fault")
mirror = Legs("--same --region-shift 8")
mirror.assemble()
mirror.message("prefer 0")
sh(f"dd if=/dev/urandom of=/dev/mapper/ftm0 bs=1M count={BLOCKS // 256} oflag=direct status=none")
whole = first()
sh(f"dmsetup create busy --table '0 65536 linear /dev/mapper/ftm0 {BLOCKS * 8}'")
writer = start("ftwrite /dev/mapper/busy --direct --shuffled --blocks 8192")

expect(scrub("check") == [0, 0, 0], f"legs that are equal differ: {mirror.status()}")
spoil(11, 7, 8, 9, 3000)
expect(scrub("check") == [4, 0, 0], str(mirror.status()))
expect(first() == whole, "the preferred leg is not read")
expect(scrub("check") == [4, 0, 0], f"a check has changed something: {mirror.status()}")

# After the preferred leg; and after the other one.
expect(scrub("repair") == [4, 4, 0], str(mirror.status()))
mirror.message("prefer 1")
expect(first() == whole, "the legs are not equal after the repair")
spoil(10, 100)
expect(scrub("repair") == [1, 1, 0], str(mirror.status()))
mirror.message("prefer 0")
expect(first() == whole, "the leg that is not preferred was kept")
mirror.message("prefer -")

# Blocks that one leg cannot read are not differences; what both cannot, stays.
disk(10).error(2048 + 8 * 200, 2048 + 8 * 200 + 7, "r")
disk(11).error(2048 + 8 * 201, 2048 + 8 * 201 + 7, "r")
disk(10).error(2048 + 8 * 300, 2048 + 8 * 300 + 7, "r")
disk(11).error(2048 + 8 * 300, 2048 + 8 * 300 + 7, "r")
expect(scrub("check") == [0, 0, 1], str(mirror.status()))
status = mirror.status()
expect(int(status["rewritten0"]) == 1 and int(status["rewritten1"]) == 1, str(status))
disk(10).ok()
disk(11).ok()
expect(mirror.state() == "DUPLEX" and first() == whole, str(mirror.status()))

# Words and limits.
mirror.message("resync_max 1024")
mirror.message("resync_min 1024")
mirror.message("scrub check")
status = mirror.status()
expect(status["reason"] == "SCRUB" and status["state"] == "DUPLEX", str(status))
expect("busy" in mirror.message("scrub repair", check=False).lower(), "two scrubs at a time")
mirror.message("scrub stop")
expect(mirror.status()["reason"] == "NONE", str(mirror.status()))
expect("failed" in mirror.message("scrub stop", check=False), "a scrub that is none was stopped")
expect("failed" in mirror.message("scrub all", check=False), "scrub all")
# A leg that is lost ends it.
mirror.message("scrub check")
pull(11)
mirror.wait("SIMPLEX", 30)
expect(mirror.status()["scrub"] == "idle", str(mirror.status()))
expect("busy" in mirror.message("scrub check", check=False).lower(), "one leg was compared")
insert(11)
mirror.message("resync_max 0")
mirror.join(11)
mirror.wait()
expect(writer.alive, writer.text[-300:])
writer.kill()
writer.wait(check=False)
expect(scrub("check")[:2] == [0, 0], str(mirror.status()))
sh("dmsetup remove --retry busy")
mirror.stop()
mirror.identical()
