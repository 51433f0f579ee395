"""Over dm-integrity a scrub knows which leg is wrong, and heals it, whichever it is.

    disk 10 - dm-integrity --+
                             +-- ftm0
    disk 11 - dm-integrity --+
"""
from _legs import Legs

TABLE = "integrity {} 0 - D 1 internal_hash:crc32c"


def protect(leg, device):
    """A device that knows what was written to it."""
    sh(f"dd if=/dev/zero of={device} bs=64k count=1 oflag=direct status=none && "
       f"dmsetup create leg{leg} --table '0 8 {TABLE.format(device)}' && "
       f"dmsetup remove --retry leg{leg}")
    size = sh(f"od -A n -t u8 -j 16 -N 8 {device}").strip()
    sh(f"dmsetup create leg{leg} --table '0 {size} {TABLE.format(device)}' && "
       f"dd if=/dev/zero of=/dev/mapper/leg{leg} bs=1M oflag=direct 2>/dev/null; true", 120)


def spoil(device, text):
    """The disk turns a block into another one, silently."""
    at = int(sh(f"grep -abom1 {text} {device} | head -n 1").split(":")[0])
    sh(f"dd if=/dev/urandom of={device} bs=512 seek={at // 512} count=1 oflag=direct "
       "conv=notrunc status=none")


boot(size="32M")
for leg, module in enumerate((10, 11)):
    protect(leg, disk(module).dev)
mirror = Legs("--same", legs=("/dev/mapper/leg0", "/dev/mapper/leg1"))
mirror.assemble()
sh("{ for n in 0 1 2 3; do yes block$n. | head -c 65536; done; } >/run/written && "
   "dd if=/run/written of=/dev/mapper/ftm0 bs=64k oflag=direct status=none && sync")
# dm-integrity speaks of each block that it refuses.
allow_kmsg(r"Checksum failed at sector|error, dev dm-")
spoil(disk(10).dev, "block1.")
spoil(disk(11).dev, "block2.")
sh("echo 3 >/proc/sys/vm/drop_caches")
mirror.message("scrub check")
wait_for(lambda: mirror.status()["scrub"] == "idle", 60)
status = mirror.status()
note(str(status))
expect(status["state"] == "DUPLEX" and status["found"] == status["unreadable"] == "0", str(status))
expect(int(status["rewritten0"]) == 1 and int(status["rewritten1"]) == 1, str(status))
sh("cmp -n 262144 /dev/mapper/ftm0 /run/written")
mirror.stop()
for leg in (0, 1):
    sh(f"cmp -n 262144 -i 1048576:0 /dev/mapper/leg{leg} /run/written")
mirror.identical()
