"""Disks that err, are slow, die and hang.

      +-- 10: disk   <- sick
    --+
      +-- 11: disk
"""
boot(backend="fault")
sick, well = disk(10), disk(11)
dev = sick.dev
write = f"dd if=/dev/zero of={dev} bs=4096 count=1 oflag=direct"

sick.error(first=2048, last=2055, how="w")
expect(rc(f"{write} seek=256") != 0, "a write to a bad sector succeeded")
sh(f"{write} seek=255; {write} seek=257")
sh(f"dd if={dev} of=/dev/null bs=4096 skip=256 count=1 iflag=direct")
sick.error(first=2048, last=2055, how="r")
expect(rc(f"dd if={dev} of=/dev/null bs=4096 skip=256 count=1 iflag=direct") != 0,
       "a read of a bad sector succeeded")
sick.ok()
sh(f"{write} seek=256")

sick.slow(0.5)
began = now()
sh(write)
expect(now() - began > 0.5, "a slow disk was fast")
sick.ok()

sick.hang()
job = start(f"{write} seek=7")
sh(f"dd if={well.dev} of=/dev/null bs=4096 count=1 iflag=direct; sleep 1")
expect(job.alive, "a write to a hung disk came back")
sick.ok()
job.wait()

sick.dead()
expect(rc(write) != 0, "a write to a dead disk succeeded")
expect(sick.count["error"] >= 3, "the disk has not counted its errors")
allow_kmsg(r"I/O error")
