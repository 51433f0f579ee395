"""A module is pulled without warning, put back, and its disk still holds its data.

      +-- 10: NIC, disk
    --+
      +-- 11: NIC, disk   <- pulled, put back; then the same with a blank disk
"""
boot()
old = disk(11)
sh(f"echo kept | dd of={old.dev} bs=4096 count=1 conv=sync oflag=direct")

pull(11)
wait_for(f"! ls /dev/disk/by-id/nvme-*_{old.serial}")
expect(not present(11), "the module is still there")
expect(present(10), "the other module is gone too")

insert(11)
expect("kept" in sh(f"head -c 4 {disk(11).dev}"), "the disk came back with other content")

pull(11)
insert(11, disk="blank")
expect(disk(11).serial != old.serial, "the blank disk carries the old one's serial number")
expect("kept" not in sh(f"head -c 4 {disk(11).dev}"), "the blank disk is not blank")
