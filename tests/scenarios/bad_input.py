"""Bad input: each is refused by name, with the way out, and nothing half-made stays.

      +-- 10: NIC, two disks
    --+
      +-- 11: NIC, two disks
"""
from _server import duplex, set_up, status


def refused(command, *words):
    """The command fails, and what it says names these."""
    said = sh(f"{command} 2>&1; echo status=$?", 120)
    note(f"{command}\n          {said.strip()}")
    expect("status=0" not in said, f"not refused: {command}")
    for word in words:
        expect(word.lower() in said.lower(), f"{word!r} is not in: {said}")
    return said


def nothing_half_made():
    """No pair, no mapping, no bond."""
    expect(sh("dmsetup ls").strip() in ("No devices found", ""), sh("dmsetup ls"))
    expect(rc("ip link show ftb0") != 0, "a bond was left behind")


# ftd runs without modules and without configuration, and says so.
boot(modules=(), disks=2, size="64M")
sh("systemctl is-active ftd")
said = sh("ftctl status", check=False)
note(said.strip())
expect("setup" in said, "it does not say what to do without a configuration")
refused("ftctl setup --yes", "module")
nothing_half_made()

insert(10)
insert(11)

# Disks that carry something.
sh(f"mkfs.ext4 -q {disk(10).dev}")
refused("ftctl setup --yes", "ext4", "--wipe")
nothing_half_made()
sh(f"wipefs -aq {disk(10).dev}")

# In use.
sh(f"mkfs.ext4 -q {disk(11, 2).dev}; mkdir -p /mnt; mount {disk(11, 2).dev} /mnt")
said = sh("ftctl setup --dry-run --wipe")
expect(f"({disk(11, 2).dev.rsplit('/', 1)[1]}) is in use by /mnt" in said, said)
nothing_half_made()
sh(f"umount /mnt; wipefs -aq {disk(11, 2).dev}")

# A NIC that is already enslaved.
sh("ip link add other type bridge; ip link set $(basename $(echo /sys/bus/pci/devices/0000:*/net/*"
   " | tr ' ' '\\n' | head -1)) master other")
said = sh("ftctl setup --dry-run 2>&1")
note(said.strip())
expect("other" in said and "ftb0" not in said, "an enslaved NIC was proposed for a bond")
sh("ip link del other")

set_up()

# Configuration files.
sh("cp /etc/ftstack/ftd.conf /run/good.conf")
for edit, *words in (("sed -i '1i colour = 1' {}", "colour"),
                     ("sed -i 's/\"11\\/1\"/\"12\\/1\"/' {}", "12"),
                     ("sed -i 's/\"11\\/0\"/\"10\\/0\"/' {}", "10"),
                     ("sed -i 's/\"11\\/1\"/\"10\\/2\"/' {}", "10"),
                     ("sed -i 's/ports *=.*/ports = 7/' {}", "ports"),
                     ("echo '[[module]' >> {}", "ftd.conf")):
    sh("cp /run/good.conf /etc/ftstack/ftd.conf; " + edit.format("/etc/ftstack/ftd.conf"))
    refused("ftctl reload", *words)
    expect(rc("test -e /dev/mapper/ftm0") == 0, "a broken file took a pair away")
sh("systemctl restart ftd")
wait_for(lambda: rc("ftctl status") != 3, 60)
note(sh("ftctl status", check=False))
sh("cp /run/good.conf /etc/ftstack/ftd.conf; ftctl reload")
duplex()

# Legs: the same disk twice, damaged, of another pair, too small. By the kernel itself:
uuid = status()["mirrors"][0]["uuid"]
size = sh("blockdev --getsz /dev/mapper/ftm0").strip()
leg, other = disk(10).dev, disk(11).dev
refused(f"dmsetup create again --table '0 {size} ft-mirror {uuid} {leg} {leg}'")
refused(f"dmsetup create again --table '0 {size} ft-mirror {uuid} {leg} {other}'")
sh("systemctl stop ftd; dmsetup remove --retry ftm0; dmsetup remove --retry ftm1")
refused(f"dmsetup create x --table '0 {size} ft-mirror {uuid} {leg} {disk(11, 2).dev}'")
refused(f"dmsetup create x --table '0 8 ft-mirror {uuid} {leg} {other}'")
refused(f"dmsetup create x --table '0 {size} ft-mirror {uuid} - -'")
refused(f"dmsetup create x --table '0 {size} ft-mirror 1234 {leg} {other}'")
refused(f"dmsetup create x --table '0 {size} ft-mirror {uuid} {leg} -'")
sh(f"dd if=/dev/urandom of={other} bs=512 seek=9 count=1 oflag=direct conv=notrunc 2>/dev/null; "
   f"dd if=/dev/urandom of={other} bs=512 seek=129 count=1 oflag=direct conv=notrunc 2>/dev/null")
refused(f"dmsetup create x --table '0 {size} ft-mirror {uuid} {leg} {other}'")
expect(sh("dmsetup ls").strip() in ("No devices found", ""), "a refused mirror was left behind")

# ... and by ftd, in words.
sh("systemctl start ftd")
wait_for(lambda: any(m["name"] == "ftm0" and "DAMAGED" in str(m) for m in status()["mirrors"]), 90)
note(sh("ftctl status", check=False))
