"""Discards, zeroes and secure erasure: both legs get the same, whatever a leg makes of them.

    blkdiscard --+-- 10: NVMe disk            and the same with legs of RAM, which know
         ftm0 ---+                            neither, and with legs that can be erased
                 +-- 11: NVMe disk
"""
from _mirror import TOOL, Mirror

BESIDE = 50

MIB = 1 << 20


def pattern(device):
    sh(f"tr '\\0' '\\377' </dev/zero | dd of={device} bs=1M count=32 iflag=fullblock oflag=direct 2>&1")


def holds(device, start, end, octal):
    """The bytes from start up to end are all the same."""
    said = sh(f"dd if={device} bs=4k skip={start // 4096} count={(end - start) // 4096} "
              f"iflag=direct 2>/dev/null | tr -d '\\{octal}' | wc -c").strip()
    expect(said == "0", f"{device}: {said} bytes from {start} to {end} are not {octal}")


def discard(device, start, length, options=""):
    sh(f"blkdiscard -f {options} -o {start} -l {length} {device}")


def leg_away(back, options=""):
    """Discards are under way while a leg is lost and comes `back` on a device."""
    job = start(f"for i in $(seq 0 400); do blkdiscard -f {options} -o $((i % 28 * {MIB} + 4096)) "
                f"-l {3 * MIB} {device} || exit 1; done")
    sh("sleep 0.2")
    pull(11)
    mirror.wait("SIMPLEX", 30)
    sh("sleep 0.3")
    insert(11)
    mirror.message(f"join 1 {back()}")
    mirror.wait()
    job.wait(120)


def erasable(module):
    """Over the disk of a module, one that can be erased: tests/qemu/kmod/erasable.c."""
    name, device = f"e{module}", disk(module).dev
    sh(f"dmsetup remove --retry {name} 2>/dev/null; "
       f"dmsetup create {name} --table \"0 $(blockdev --getsz {device}) erasable {device}\"")
    return f"/dev/mapper/{name}"


def erased(module):
    """Sectors that this leg was told to erase."""
    return int(sh(f"dmsetup status e{module}").split()[3])


def assemble(*legs):
    """ftm0 anew, full of ones."""
    size, uuid = sh(f"{TOOL} --same {' '.join(legs)}").split()
    sh(f"dmsetup create ftm0 --table '0 {size} ft-mirror {uuid} {' '.join(legs)}'")
    pattern(device)


def erase():
    """Erased, and then zeroed: the erasable leg keeps what it held."""
    assemble(erasable(10), erasable(11))
    discard(device, MIB + 4096, 5 * MIB, "--secure")
    for module in (10, 11):
        expect(erased(module) == 5 * MIB // 512, f"{module}: {erased(module)} sectors were erased")
    sh("echo 3 >/proc/sys/vm/drop_caches")
    holds(device, 0, MIB + 4096, "377")
    holds(device, MIB + 4096, 6 * MIB + 4096, "0")
    holds(device, 6 * MIB + 4096, 32 * MIB, "377")


def erase_meanwhile():
    """A leg is lost and comes back while the mirror is erased."""
    leg_away(lambda: erasable(11), "--secure")
    holds(device, MIB, 30 * MIB, "0")
    mirror.stop()
    sh("dmsetup remove --retry e10; dmsetup remove --retry e11")
    mirror.identical()


def erase_in_vain():
    """One leg cannot: neither is erased, and nobody is told that it was."""
    assemble(erasable(10), disk(11).dev)
    expect(rc(f"blkdiscard -f --secure -l {4 * MIB} {device}") != 0, "it was erased")
    expect(erased(10) == 0, "it was erased on one leg only")
    holds(device, 0, 4 * MIB, "377")


boot(size="64M")
mirror = Mirror("--same")      # regions of 64 KiB: each of these spans many
mirror.assemble()
device = "/dev/mapper/ftm0"

pattern(device)
discard(device, 1 * MIB + 4096, 5 * MIB)            # starts and ends within a region
discard(device, 10 * MIB, 3 * MIB + 12288, "-z")
sh("echo 3 >/proc/sys/vm/drop_caches")
for first, end, octal in ((0, MIB + 4096, "377"), (MIB + 4096, 6 * MIB + 4096, "0"),
                          (6 * MIB + 4096, 10 * MIB, "377"),
                          (10 * MIB, 13 * MIB + 12288, "0"), (13 * MIB + 12288, 32 * MIB, "377")):
    holds(device, first, end, octal)

# The resync brings the discards, too.
leg_away(lambda: disk(11).dev)
mirror.stop()
mirror.identical()

# Legs that can do neither: a discard does nothing, zeroes are written by the block layer.
sh("modprobe brd rd_nr=2 rd_size=65536")
size, uuid = sh(f"{TOOL} --same /dev/ram0 /dev/ram1").split()
sh(f"dmsetup create ftm1 --table '0 {size} ft-mirror {uuid} /dev/ram0 /dev/ram1'")
pattern("/dev/mapper/ftm1")
discard("/dev/mapper/ftm1", 0, 4 * MIB)
discard("/dev/mapper/ftm1", 8 * MIB, 4 * MIB, "-z")
holds("/dev/mapper/ftm1", 0, 8 * MIB, "377")
holds("/dev/mapper/ftm1", 8 * MIB, 12 * MIB, "0")
expect(sh("dmsetup status ftm1").split()[3] == "DUPLEX", "the mirror is not duplex any more")
sh("dmsetup remove --retry ftm1; cmp -i 1048576 /dev/ram0 /dev/ram1")

# Only the tests' own kernel has a disk that can be erased.
if rc("modprobe -q erasable") == 0:
    erase()
    erase_meanwhile()
    erase_in_vain()
