"""A leg hangs while it is being copied to: writes to what is being copied go on, too.

    disk 10 - dm-linear --+
                          +-- ftm0 <- checked writer, over all of it
    disk 11 - dm-linear --+   <- suspended in the midst of the resync
"""
from _mirror import TOOL, tool

BLOCKS, BATCH = 15360, 8     # all of what is copied; one line for each batch

boot(size="64M")
tool()
for leg, module in enumerate((10, 11)):
    sh(f"dmsetup create leg{leg} --table "
       f"\"0 $(blockdev --getsz {disk(module).dev}) linear {disk(module).dev} 0\"")
legs = "/dev/mapper/leg0 /dev/mapper/leg1"
size, uuid = sh(f"{TOOL} --same --region-shift 10 {legs}").split()
sh(f"dmsetup create ftm0 --table '0 {size} ft-mirror {uuid} {legs} 4 timeout_ms 700 resync_min 0'")
sh("dmsetup message ftm0 0 remove 1")
sh("dd if=/dev/urandom of=/dev/mapper/ftm0 bs=1M count=60 oflag=direct 2>&1")
sh("dmsetup message ftm0 0 join 1 /dev/mapper/leg1; "
   "dmsetup suspend --noflush --nolockfs leg1")
state = sh("dmsetup status ftm0").split()[3]
expect(state == "SYNCING", f"the leg should hang during the resync, but the mirror is {state}")

writer = start(f"ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} --batch {BATCH}")
wait_for(lambda: sh("dmsetup status ftm0").split()[3] == "SIMPLEX", 60)
acked = len(writer.lines)
# Every block once more: whatever was being copied is among them.
wait_for(lambda: len(writer.lines) > acked + BLOCKS // BATCH + 64 or not writer.alive, 120)
expect(writer.alive, writer.text[-300:])
writer.kill()
writer.wait(check=False)

sh("dmsetup resume leg1")
wait_for(lambda: "busy" not in sh("dmsetup message ftm0 0 join 1 /dev/mapper/leg1 2>&1",
                                  check=False).lower(), 30)
sh("dmsetup message ftm0 0 resync_min 1000000")
wait_for(lambda: sh("dmsetup status ftm0").split()[3] == "DUPLEX", 120)
sh("dmsetup remove --retry ftm0")
said = sh("cmp -i 1048576 /dev/mapper/leg0 /dev/mapper/leg1 2>&1", 120, check=False)
expect(said == "", f"the legs differ: {said}")
