"""The mirror in the midst of others: LVM and md below it, dm-crypt and thin LVM on it.

    disk 10 - LVM - volume --+          +-- dm-crypt <- checked writer
                             +-- ftm0 --+
    disk 11 - md raid1 ------+          +-- LVM: thin pool, volume, snapshot

A leg is lost and returns under each, and what was discarded above is gone below.
"""
from _legs import Legs


def lvm(command, *devices):
    """LVM that sees these devices only."""
    seen = ", ".join(f'"a|^{device}$|"' for device in devices)
    return sh(f"{command} --config 'devices {{ filter=[{seen}, \"r|.*|\"] use_devicesfile=0 }}' 2>&1",
              120)


def lose_and_return():
    """Leg 1 goes and comes while somebody writes."""
    mirror.message("remove 1")
    writer.wait_line(f"ack {len(writer.lines) * 4 + 40}")
    mirror.join(11)
    mirror.wait()


def acknowledged():
    writer.kill()
    writer.wait(check=False)
    expect("error" not in writer.text, writer.text[-300:])
    return max(int(text.split()[1]) for _, text in writer.lines if text.startswith("ack "))


boot(layers=("bench",), size="128M")
below = disk(10).dev
lvm(f"vgcreate -y below {below}", below)
lvm("lvcreate -y -n leg -L 100M below", below)
sh("yes | mdadm --create /dev/md0 --level=1 --raid-devices=2 "
   f"--assume-clean --metadata=1.2 --bitmap=none {disk(11).dev} missing 2>&1; udevadm settle")
mirror = Legs("--same --region-shift 8", legs=("/dev/below/leg", "/dev/md0"))
mirror.assemble()

# dm-crypt.
sh("head -c 64 /dev/urandom >/run/key; cryptsetup open --type plain --cipher aes-xts-plain64 "
   "--key-size 512 --key-file /run/key /dev/mapper/ftm0 secret")
writer = start("ftwrite /dev/mapper/secret --direct --blocks 2048 --shuffled --batch 4")
writer.wait_line("ack 40")
lose_and_return()
upto = acknowledged()
sh(f"ftwrite /dev/mapper/secret --verify --blocks 2048 --shuffled --upto {upto}")
sh("cryptsetup close secret")
note(f"dm-crypt: {upto} records")

# Thin volumes, a snapshot, discards.
top = "/dev/mapper/ftm0"
lvm(f"vgcreate -y above {top}", top)
lvm("lvcreate -y -L 60M --thinpool pool --discards passdown above", top)
lvm("lvcreate -y -V 48M --thin -n volume above/pool", top)
writer = start("ftwrite /dev/above/volume --direct --blocks 2048 --shuffled --batch 4")
writer.wait_line("ack 40")
lose_and_return()
upto = acknowledged()
lvm("lvcreate -y -s -kn -n frozen above/volume", top)
lvm("lvchange -y -ay -K above/frozen", top)
sh("blkdiscard /dev/above/volume")
sh("dd if=/dev/above/volume bs=1M iflag=direct status=none | tr -d '\\0' | head -c 1 | wc -c | "
   "grep -qx 0")
sh(f"ftwrite /dev/above/frozen --verify --blocks 2048 --shuffled --upto {upto}")
lvm("vgchange -an above", top)
note(f"thin: {upto} records")
mirror.wait()
mirror.stop()
mirror.identical()
sh("mdadm --stop /dev/md0")
lvm("vgchange -an below", below)
