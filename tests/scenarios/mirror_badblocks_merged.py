"""Bad blocks under small reads that the disks' queues have merged into large requests.

    sda1 (SCSI) --+
                  +-- ftm0 <- fio: many reads of 4 KiB at a time; each block holds its offset
    sdb1 (SCSI) --+

Both disks fail to read the same sectors of theirs; the partitions begin at different
places, so that the bad blocks of the legs are different ones. A request that fails takes
all the reads with it that were merged into it: each is answered by the other leg.
"""
from _legs import Legs

BESIDE = 65

BAD, COUNT = 40960, 48                  # sectors of the disks that cannot be read
FIO = ("fio --name=x --filename=/dev/mapper/ftm0 --direct=1 --bs=4k --verify=pattern "
       "--verify_pattern=%o --verify_fatal=1 --iodepth=32 --iodepth_batch_submit=16 "
       "--iodepth_batch_complete_min=8 ")

boot(modules=(), layers=("bench",))
sh(f"modprobe scsi_debug add_host=2 per_host_store=1 dev_size_mb=64 delay=0 opts=0 "
   f"medium_error_start={BAD} medium_error_count={COUNT}")
wait_for("test -b /dev/sda && test -b /dev/sdb")
for name, first in (("sda", 2048), ("sdb", 10240)):
    sh(f"addpart /dev/{name} 1 {first} 110592 && "
       f"echo mq-deadline >/sys/block/{name}/queue/scheduler; udevadm settle")
mirror = Legs("--same --region-shift 8", legs=("/dev/sda1", "/dev/sdb1"))
mirror.assemble()
sh(FIO + "--ioengine=libaio --rw=write --size=48m --do_verify=0", 120)

sh("echo 2 >/sys/bus/pseudo/drivers/scsi_debug/opts")
allow_kmsg(r"(critical medium|I/O) error, dev sd")
for leg in (0, 1):
    mirror.message(f"prefer {leg}")
    for engine in ("libaio", "io_uring"):
        sh(FIO + f"--ioengine={engine} --rw=read --size=24m", 120)
merged = int(sh("cat /sys/block/sda/stat /sys/block/sdb/stat | awk '{ n += $2 } END { print n }'"))
status = mirror.status()
note(f"{merged} reads were merged; {status}")
expect(merged > 1000, "nothing was merged: this proves nothing")
expect(int(status["rewritten0"]) and int(status["rewritten1"]),
       "a leg's bad blocks were not met: this proves nothing")
expect(status["state"] == "DUPLEX", str(status))

sh("echo 0 >/sys/bus/pseudo/drivers/scsi_debug/opts")
mirror.stop()
mirror.identical()
