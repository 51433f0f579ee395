"""Orderly removal by the attention button, a module that comes back in the other slot.

      +-- 10: NIC, 2 disks   <- removed; a disk moves to 11
    --+
      +-- 11: NIC, 2 disks   <- removed
"""
boot(disks=2)
moved = image(10, 2)
sh(f"echo moved | dd of={disk(10, 2).dev} bs=4096 count=1 conv=sync oflag=direct")
serial = disk(10, 2).serial
remove(10)
expect(not present(10), "the module is still there")
expect(sh("ls -d /sys/block/nvme* | wc -l") == "2\n", "not just the two disks of module 10 are gone")
remove(11)
insert(11, disk={1: "same", 2: moved})
expect(disk(11, 2).serial == serial, "the disk has changed its serial number")
expect("moved" in sh(f"head -c 5 {disk(11, 2).dev}"), "the moved disk holds other content")
insert(10, disk={1: "same", 2: "blank"})
put("/tmp/file", b"\0content\n" * 50000, 0o600)
expect(get("/tmp/file") == b"\0content\n" * 50000, "a file came back changed")
expect(sh("stat -c %a /tmp/file") == "600\n", "a file came with another mode")
job = start("echo one; sleep 30; echo two")
job.wait_line("one")
job.kill()
job.wait(check=False)
expect(job.status == 143 and "two" not in job.text, "a job was not killed")
