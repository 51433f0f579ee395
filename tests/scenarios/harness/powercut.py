"""A power cut loses what was not flushed, and nothing else; the system disk survives.

      +-- 10: disk   <- loses all unflushed sectors, then a random half of them
    --+
      +-- 11: disk
"""
boot(backend="fault")
dev = disk(10).dev
sh(f"ftwrite {dev} --direct --batch 64 --count 64 --blocks 64 && sync {dev}")
sh(f"echo kept > /persist/kept; sync -f /persist")
sh(f"dd if=/dev/urandom of={dev} bs=4096 count=8 seek=32 oflag=direct")
expect(disk(10).unflushed() >= 64, "the disk has no volatile cache")
expect(power_cut() >= 64, "the power cut lost nothing")

boot(cold=True)
expect(sh("cat /persist/kept") == "kept\n", "the system disk has lost a synced file")
dev = disk(10).dev
said = sh(f"ftwrite {dev} --verify --upto 64 --blocks 64")
expect("verified 64 lost 0 corrupt 0" in said, said)

sh(f"dd if=/dev/urandom of={dev} bs=4096 count=32 oflag=direct")
lost = power_cut(keep=7)
expect(0 < lost < 256, f"of 256 unflushed sectors {lost} were lost, not some")
boot(cold=True)
expect(rc(f"ftwrite {disk(10).dev} --verify --upto 64 --blocks 64") == 1,
       "torn writes were not noticed")
power_off()
boot(cold=True)
expect(sh("cat /persist/kept") == "kept\n", "the system disk has lost a file in order")
