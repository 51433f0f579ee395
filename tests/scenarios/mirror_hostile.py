"""Hostile superblocks and bitmaps: assembled, joined, resolved, replaced; never a splat.

    images with valid checksums and wrong fields -> two legs in RAM -> the kernel

Each image is tried as a pair, and as a leg that joins a mirror that runs. What is accepted
is written to and read.
"""
import os
import random
import struct

from _mirror import TOOL, tool

BESIDE = 70

IMAGES = int(os.environ.get("IMAGES", "60"))
SECTORS = 16 << 11
BLOCK = 4096
seed = int(os.environ.get("SEED", "7"))
note(f"SEED={seed}")
dice = random.Random(seed)
# Fields of the superblock: offset, and how struct names them.
FIELDS = ((16, "<I"), (20, "<I"), (24, "<I"), (28, "<I"), (32, "<Q"), (40, "<Q"), (56, "<Q"),
          (72, "<Q"), (88, "<Q"), (96, "<Q"), (104, "<Q"), (112, "<Q"), (120, "<Q"), (128, "<I"))
VALUES = (0, 1, 7, 8, 21, 22, 255, 256, 2047, 2048, 4096, 30720, 32768, 1 << 31, 1 << 52,
          (1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 8, (1 << 64) - 1)

# $1: the image's number
TRY = f"""
put() {{ dd if=/run/images of=$2 bs={BLOCK} skip=$1 seek=$3 count=1 conv=notrunc status=none; }}
use() {{
    timeout 20 dd if=/dev/urandom of=/dev/mapper/x bs=64k count=8 oflag=direct status=none 2>/dev/null
    timeout 20 dd if=/dev/mapper/x of=/dev/null bs=64k count=8 iflag=direct status=none 2>/dev/null
    dmsetup status x >/dev/null
}}
n=0
while [ $n -lt {IMAGES} ]; do
    at=$((n * 6))
    for leg in 0 1; do
        put $((at + leg * 3)) /dev/ram$leg 1
        put $((at + leg * 3 + 1)) /dev/ram$leg 16
        put $((at + leg * 3 + 2)) /dev/ram$leg 32
    done
    read size words <<END
$(sed -n $((n + 1))p /run/tables)
END
    if dmsetup create x --table "0 $size ft-mirror $uuid /dev/ram0 /dev/ram1 $words" 2>/dev/null; then
        echo accepted; use; dmsetup remove --retry x || exit
        put $((at + 3)) /dev/ram1 1; put $((at + 4)) /dev/ram1 16; put $((at + 5)) /dev/ram1 32
    else
        echo refused
    fi
    # The good leg runs, the other one comes.
    dd if=/run/leg0 of=/dev/ram2 bs=256k count=1 conv=notrunc status=none
    dmsetup create x --table "0 $good ft-mirror $uuid /dev/ram2 - 1 start_alone" || exit
    for how in join resolve replace; do
        if dmsetup message x 0 $how 1 /dev/ram1 2>/dev/null; then echo $how; use; break; fi
    done
    dmsetup remove --retry x || exit
    n=$((n + 1))
done
echo done
"""


def crc32c(data, table=[]):
    """The checksum of superblocks and bitmap blocks."""
    if not table:
        for byte in range(256):
            for _ in range(8):
                byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
            table.append(byte)
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xffffffff


def seal(block):
    """A superblock with a checksum that holds."""
    return block[:-4] + struct.pack("<I", crc32c(block[:-4]))


def seal_bits(block):
    """The same for a block of the bitmap: the checksum of those of its parts."""
    parts = [crc32c(block[at:min(at + 512, BLOCK - 4)]) for at in range(0, BLOCK, 512)]
    return block[:-4] + struct.pack("<I", crc32c(struct.pack("<8I", *parts)))


def spoil(block):
    """A superblock that is wrong somewhere."""
    block = bytearray(block)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at, how = dice.choice(FIELDS)
        size = struct.calcsize(how)
        old, = struct.unpack_from(how, block, at)
        new = dice.choice((dice.choice(VALUES), old + dice.choice((-8, -1, 1, 8)),
                           dice.getrandbits(64), old ^ 1 << dice.randrange(size * 8)))
        struct.pack_into(how, block, at, new % (1 << size * 8))
    return seal(bytes(block)) if dice.random() < 0.9 else bytes(block)


def history(block):
    """A superblock that is good, with another past."""
    block = bytearray(block)
    struct.pack_into("<Q", block, 88, dice.choice((gen, 1, 2)))
    struct.pack_into("<Q", block, 96, dice.choice((0, 0, gen, 3)))
    struct.pack_into("<I", block, 28, dice.choice((0, 0, 1)))
    return seal(bytes(block))


boot(modules=())
tool()
sh("modprobe brd rd_nr=3 rd_size=16384; systemctl stop systemd-udevd.service "
   "systemd-udevd-kernel.socket systemd-udevd-control.socket")
good, uuid = sh(f"{TOOL} --same --region-shift 7 /dev/ram0 /dev/ram1").split()
sh("for leg in 0 1; do dd if=/dev/ram$leg of=/run/leg$leg bs=4096 count=64 status=none; done")
legs = [get(f"/run/leg{leg}") for leg in (0, 1)]
gen, = struct.unpack_from("<Q", legs[0], BLOCK + 88)

images, tables = [], []
for number in range(IMAGES):
    sizes = [int(good)]
    for leg in legs:
        good_block = leg[BLOCK:2 * BLOCK]
        kind = dice.random() if number else 0
        block = (good_block if kind < 0.3 else history(good_block) if kind < 0.5
                 else spoil(good_block))
        other = (bytes(BLOCK) if kind < 0.7 else spoil(good_block) if kind < 0.9
                 else dice.randbytes(BLOCK))
        bits = leg[32 * BLOCK:33 * BLOCK]
        if number and dice.random() < 0.5:
            bits = bits[:16] + dice.randbytes(BLOCK - 16)
            bits = seal_bits(bits) if dice.random() < 0.7 else bits
        slots = [block, other]
        if number:
            dice.shuffle(slots)
        images += [*slots, bits]
        sizes.append(struct.unpack_from("<Q", block, 112)[0])
    words = dice.choice(("0", "1 start_alone", "2 survivor 0", "2 survivor 1"))
    size = dice.choice(sizes)
    tables.append(f"{size if 0 < size < 1 << 60 else good} {words}")
put("/run/images", b"".join(images))
put("/run/tables", "\n".join(tables) + "\n")
put("/run/try", f"export DM_DISABLE_UDEV=1 uuid={uuid} good={good}\n{TRY}")
said = sh("sh /run/try 2>&1", 15 * IMAGES, check=False).split()
count = {word: said.count(word) for word in set(said)}
note(str(count))
expect("done" in said, " ".join(said[-60:]))
expect(count.get("accepted", 0) >= IMAGES // 30 and count.get("refused", 0) > IMAGES // 3
       and count.get("join", 0) >= IMAGES // 30, f"the images are too poor: {count}")
# What was refused has left nothing behind.
expect(sh("dmsetup ls").strip() == "No devices found", sh("dmsetup ls"))
sh("rmmod ft_mirror")
