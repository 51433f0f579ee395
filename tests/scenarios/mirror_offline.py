"""ftctl makes, examines, compares and removes legs without a daemon.

      +-- 10: disk --+
    --+              +-- no mirror runs; ftctl works on the disks
      +-- 11: disk --+

Then the mirror is assembled on what it has made. Bad input is refused by name.
"""
import json

BESIDE = 35


def refused(command, *words):
    """It fails, says these words, and has written nothing."""
    before = superblocks()
    said = sh(f"{command} 2>&1 </dev/null; echo status=$?", 120)
    note(f"{command}\n          {said.strip()}")
    expect("status=1" in said, f"not refused: {command}")
    for word in words:
        expect(word.lower() in said.lower(), f"{word!r} is not in: {said}")
    expect(superblocks() == before, f"it has written: {command}")


def superblocks():
    return sh(f"for disk in {first} {second}; do head -c 1M $disk | sha256sum; done")


def verify(*words, status=0):
    said = sh(f"ftctl mirror verify {first} {second}; echo status=$?", 120)
    note(said.strip())
    for word in (*words, f"status={status}"):
        expect(word in said, f"{word!r} is not in: {said}")


def examine():
    return json.loads(sh(f"ftctl mirror examine --json {first} {second}"))


boot(size="64M", backend="fault")
sh("systemctl stop ftd; modprobe ft_mirror")
first, second = disk(10).dev, disk(11).dev
create = f"ftctl mirror create ftm0 {first} {second}"

# Bad input.
refused("ftctl mirror create ftm0", "required")
refused(f"ftctl mirror create ftm0 {first} {first}", "the same disk")
refused(f"ftctl mirror create ftm0 {first} /dev/nothing", "/dev/nothing", "No such file")
refused(f"ftctl mirror create ftm0 {first} /dev/null", "/dev/null")
refused(f"ftctl mirror create '../x' {first} {second}", "cannot be a mirror's name")
refused(f"{create} --region-size 100K", "power of two")
refused(f"{create} --region-size 2G", "power of two")
refused(f"{create} --region-size nonsense", "nonsense")
refused(f"su -s /bin/sh nobody -c '{create}'", "as root")
refused(f"ftctl mirror examine {first}", "blank")
refused(f"ftctl mirror verify {first} {second}", "no leg")
refused(f"ftctl mirror remove --yes {first}", "no leg")
sh(f"mkfs.ext4 -q {second}")
refused(create, "ext4", "--wipe")
sh(f"mkdir -p /mnt && mount -o ro {second} /mnt")
refused(f"{create} --wipe", "in use")
# One partition of type 0x83, and the signature of a DOS partition table.
sh(f"umount /mnt; wipefs -aq {second}; printf '\\0\\0\\0\\0\\203\\0\\0\\0\\0\\10\\0\\0\\0\\20\\0\\0' |"
   f" dd of={second} bs=1 seek=446 conv=notrunc status=none;"
   f" printf '\\125\\252' | dd of={second} bs=1 seek=510 conv=notrunc status=none")
refused(create, "partition table", "--wipe")
sh("modprobe brd rd_nr=1 rd_size=1024; udevadm settle")
refused(f"ftctl mirror create ftm0 /dev/ram0 {first}", "too small")

# A mirror of equal legs.
sh(f"dd if=/dev/urandom of={first} bs=1M seek=3 count=8 conv=notrunc status=none; "
   f"wipefs -aq {second}")
said = sh(f"{create} --wipe --region-size 256K --json")
made = json.loads(said)
expect(made["region_size"] == 256 << 10 and made["in_sync"], said)
two = examine()
note(sh(f"ftctl mirror examine {first} {second}").strip())
expect(two["verdict"]["name"] == "SAME", str(two))
expect(all(leg["uuid"] == made["uuid"] and leg["dirty_regions"] == 0 and leg["name"] == "ftm0"
           for leg in two["legs"]), str(two))
verify("identical")
refused(create, "a leg of mirror ftm0", "--wipe")

# It runs; what runs is left alone.
table = f"0 {made['size'] // 512} ft-mirror {made['uuid']} {first} {second}"
sh(f"dmsetup create ftm0 --table '{table}'")
expect(" DUPLEX " in sh("dmsetup status ftm0"), "equal legs are not in sync")
refused(f"ftctl mirror verify {first} {second}", "in use")
refused(f"ftctl mirror remove --yes {first}", "in use")
refused(f"{create} --wipe", "in use")
sh("ftwrite /dev/mapper/ftm0 --direct --blocks 2048 --count 3000 --shuffled >/dev/null")
expect(sum(leg["dirty_regions"] for leg in examine()["legs"]) > 0, "nothing is dirty")
sh("dmsetup remove --retry ftm0")
verify("identical")

# One that ran alone, so that the other is its ancestor; and what only one leg has.
sh(f"dmsetup create ftm0 --table '{table}' && dmsetup message ftm0 0 remove 1 && "
   "ftwrite /dev/mapper/ftm0 --direct --blocks 16 --count 30 >/dev/null && "
   "dmsetup remove --retry ftm0")
two = examine()
expect(two["verdict"]["name"] == "ANCESTOR" and two["verdict"]["source"] == first, str(two))
verify("expected", "older state")
sh(f"dmsetup create ftm0 --table '{table}'")
wait_for("dmsetup status ftm0 | grep -q ' DUPLEX NONE '")
sh("dmsetup remove --retry ftm0")
verify("identical")

# A disk that has lost a block, and blocks that cannot be read.
sh(f"echo damaged | dd of={second} bs=4096 seek=5000 conv=notrunc,sync oflag=direct status=none")
verify("1 blocks of 4 KiB DIFFER in clean regions", status=1)
disk(10).error(16000, 16007, "r")
verify("1 blocks of 4 KiB DIFFER", f"1 blocks of 4 KiB of {first} cannot be read", status=1)
disk(10).ok()

# --quick: the kernel copies.
sh(f"ftctl mirror remove --yes {first} {second}")
refused(f"ftctl mirror examine {first}", "blank")
made = json.loads(sh(f"{create} --quick --json"))
two = examine()
expect(two["verdict"]["name"] == "RESUME" and not made["in_sync"], str(two))
sh(f"dmsetup create ftm0 --table '0 {made['size'] // 512} ft-mirror {made['uuid']} "
   f"{first} {second}'")
wait_for("dmsetup status ftm0 | grep -q ' DUPLEX NONE '")
sh("dmsetup remove --retry ftm0")
verify("identical")

# A damaged superblock is told as one; it can be removed.
sh(f"for slot in 9 129; do dd if=/dev/urandom of={second} bs=512 seek=$slot count=1 "
   "conv=notrunc oflag=direct status=none; done")
refused(f"ftctl mirror examine {second}", "checksum")
refused(f"ftctl mirror verify {first} {second}", "damaged")
refused(f"ftctl mirror remove {first} {second}", "--yes")
sh(f"ftctl mirror remove --yes {first} {second}")
