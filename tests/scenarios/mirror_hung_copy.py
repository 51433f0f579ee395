"""A leg hangs while it is being copied to: writes to what is being copied go on, too.

    disk 10 - dm-linear --+
                          +-- ftm0 <- checked writer, over all of it
    disk 11 - dm-linear --+   <- suspended in the midst of the resync
"""
from _legs import Legs, linear

BLOCKS, BATCH = 15360, 8     # all of what is copied; one line for each batch

boot(size="64M")
mirror = Legs("--same --region-shift 10", legs=linear())
mirror.assemble(words="timeout_ms 700 resync_min 0")
mirror.message("remove 1")
sh("dd if=/dev/urandom of=/dev/mapper/ftm0 bs=1M count=60 oflag=direct 2>&1")
sh("dmsetup message ftm0 0 join 1 /dev/mapper/leg1; "
   "dmsetup suspend --noflush --nolockfs leg1")
state = mirror.state()
expect(state == "SYNCING", f"the leg should hang during the resync, but the mirror is {state}")

writer = start(f"ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} --batch {BATCH}")
mirror.wait("SIMPLEX", 60)
acked = len(writer.lines)
# Every block once more: whatever was being copied is among them.
wait_for(lambda: len(writer.lines) > acked + BLOCKS // BATCH + 64 or not writer.alive, 120)
expect(writer.alive, writer.text[-300:])
writer.kill()
writer.wait(check=False)

sh("dmsetup resume leg1")
mirror.join(11)
mirror.message("resync_min 1000000")
mirror.wait()
mirror.stop()
mirror.identical()
