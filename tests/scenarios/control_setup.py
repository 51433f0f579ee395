# SPDX-License-Identifier: GPL-2.0
"""ftctl setup on hardware that is not ready for it: each thing that is wrong is
named with the way out, and nothing half-made stays behind.

    guest: ftctl -- ftd     [10] NIC, disk        [11] NIC, disk
                              |  ext4, mounted, partitioned, enslaved, too small ...
                              '- a pair must not come to be
"""


def refused(says, options=""):
    """`ftctl setup` fails, says so, and leaves no trace."""
    out = sh(f"ftctl setup --yes {options} 2>&1; echo exit $?")
    expect("exit 0" not in out, f"setup did not fail: {out}")
    expect(says in out, f"setup does not say {says!r}: {out}")
    nothing_made()


def nothing_made():
    expect(rc("test -e /etc/ftstack/ftd.conf") != 0, "a configuration was written")
    expect(sh("dmsetup ls --target ft-mirror").strip() in ("", "No devices found"),
           "a mirror runs")
    expect(rc("ip link show ftb0") != 0, "a bond was left")


boot()
first, second = disk(10).dev, disk(11).dev

expect(rc("ftctl status") == 2, "no configuration, yet ftctl status is not 2")
expect("ftctl setup" in sh("ftctl status; true"), "ftctl status does not name the way out")
dry = sh("ftctl setup --dry-run")
expect("[[mirror]]" in dry and "10/1" in dry, f"the dry run shows no proposal: {dry}")
nothing_made()

sh(f"mkfs.ext4 -q {first}")
refused("carries ext4")
# One partition of type 0x83, and the signature of a DOS partition table.
sh(f"wipefs -aq {first}; printf '\\0\\0\\0\\0\\203\\0\\0\\0\\0\\10\\0\\0\\0\\20\\0\\0' |"
   f" dd of={second} bs=1 seek=446 conv=notrunc status=none;"
   f" printf '\\125\\252' | dd of={second} bs=1 seek=510 conv=notrunc status=none; udevadm settle")
refused("carries a partition table")
sh(f"wipefs -aq {second}; udevadm settle")

# The bond's name is taken by another interface.
sh("ip link add ftb0 type dummy")
out = sh("ftctl setup --yes 2>&1; echo exit $?")
expect("the name ftb0 is taken" in out and "exit 1" in out,
       f"setup does not name the interface: {out}")
sh("ip link del ftb0")
nothing_made()
expect("ID_FS_TYPE" not in sh(f"udevadm info -q property {first}"), "a leg was left behind")

# A disk in use, and a NIC that belongs to a bridge, are left out with the reason.
sh(f"mkfs.ext4 -q {first}; mkdir -p /mnt/x; mount {first} /mnt/x")
nic = sh("basename $(ls -d /sys/bus/pci/devices/0000:00:05.0/*/net/*)").strip()
sh(f"ip link add br0 type bridge; ip link set {nic} master br0")
out = sh("ftctl setup --yes --wipe 2>&1; echo exit $?")
expect("is in use by /mnt/x" in out and "is enslaved to br0" in out and "exit 1" in out, out)
nothing_made()
sh(f"ip link set {nic} nomaster; ip link del br0; umount /mnt/x")

# An Apply of a configuration by hand is checked the same way.
for text, says in (
        ("[[modul]]", "unknown key"),
        ('[[module]]\nid = 10\nbridges = ["0000:00:04.0"]\n[[bond]]\nname = "b"\n'
         'ports = ["10/0", "10/1"]', "both members of bond b are in module 10"),
        ('[[module]]\nid = 10\nbridges = ["0000:00:04.0"]\n[[module]]\nid = 11\n'
         'bridges = ["0000:00:05.0"]\n[[mirror]]\nname = "m"\n'
         'uuid = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"\nlegs = ["10/1", "11/7"]',
         "there is no disk at 11/7")):
    put("/tmp/conf", text)
    out = sh('busctl call org.ftstack.ft1 /org/ftstack/ft1 org.ftstack.ft1.Manager Apply st '
             '"$(cat /tmp/conf)" 0 2>&1; echo exit $?')
    expect("exit 0" not in out and says in out, f"Apply does not say {says!r}: {out}")
    nothing_made()

# Nobody but root changes anything; everybody may look. Real polkit says so.
for verb in ("setup --yes", "reload", "module remove 10", "module online 10"):
    out = sh(f"su -s /bin/sh nobody -c 'ftctl {verb}'; echo exit $?")
    expect("exit 1" in out, f"nobody may {verb}: {out}")
expect(rc("su -s /bin/sh nobody -c 'ftctl status'") == 2, "nobody may not look")

sh("ftctl setup --yes --wipe", 120)
sh("ftctl wait --duplex --timeout 600", 300)
expect("ID_FS_TYPE=ft_mirror_member" in sh(f"udevadm info -q property {second}"),
       "a leg is not shown as one")
expect("already" in sh("ftctl setup --yes"), "a second setup has something to do")

# A mirror that lost its configuration is found again as it is.
uuid = sh("sed -n 's/^uuid = //p' /etc/ftstack/ftd.conf")
sh("rm /etc/ftstack/ftd.conf; ftctl reload; ftctl setup --yes", 120)
expect(sh("sed -n 's/^uuid = //p' /etc/ftstack/ftd.conf") == uuid, "another mirror was proposed")
expect(rc("ftctl status") == 0, sh("ftctl status; true"))

# A broken configuration touches no pair, and is told.
sh("echo 'replace_blank = 1' >> /etc/ftstack/ftd.conf; systemctl restart ftd")
wait_for("ftctl status | grep -q 'configuration refused'")
expect("ftm0" in sh("dmsetup ls --target ft-mirror"), "the mirror is gone")
