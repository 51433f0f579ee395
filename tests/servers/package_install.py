# SPDX-License-Identifier: GPL-2.0
"""A fresh Debian: the packages are installed, the pairs set up, DUPLEX, in three commands; booted
with a file system of fstab on the mirror, and removed. DEBIAN=trixie is another one.

    [vda] Debian       10: NIC, disk       11: NIC, disk
"""
import os

from ftguest import server

from _packages import built, duplex, refused

folder = server.fresh(os.environ.get("DEBIAN", server.HERE))
boot(installed=folder, cmdline="root=/dev/vda ro", mem=2048, size="64M")
expect(rc("modinfo ft_mirror") != 0, "the guest is not a fresh one")

# Three commands.
sh(f"{server.INSTALL} /root/debs/ftstack-dkms_*.deb /root/debs/ftstack_*.deb", 1800)
note("installed")
sh("ftctl setup --yes", 120)
sh("ftctl wait --duplex", 300)
note("DUPLEX")
built("$(uname -r)")
expect("ftstack" in sh("dkms status") and "installed" in sh("dkms status"), sh("dkms status"))
doctor = sh("ftctl doctor; true")
expect("BAD" not in doctor, doctor)

# What fstab has on a mirror is mounted before anything needs it.
sh("mkfs.ext4 -q /dev/mapper/ftm0; mkdir /data; "
   "echo '/dev/mapper/ftm0 /data ext4 defaults 0 2' >>/etc/fstab; "
   "mount /data; echo kept >/data/kept; systemctl daemon-reload")
power_off()
boot(installed=folder, cmdline="root=/dev/vda ro", mem=2048)
expect(sh("cat /data/kept").strip() == "kept", "the mirror is not mounted")
expect(rc("systemctl is-active local-fs.target") == 0, "local-fs.target was not reached")
duplex()
note("mounted at boot")

# Told to go, they go; the pairs stay until the next boot, the legs keep their data.
for package in ("ftstack", "ftstack-dkms"):
    refused(f"apt-get remove -y {package}", "ftm0", "ftb0")
sh("mkdir -p /etc/default/grub.d && touch /etc/default/grub.d/ftstack-dump.cfg /etc/ftstack/dump.conf "
   "&& systemctl enable ftstack-dump ftstack-dump-load")
sh("FTSTACK_REMOVE=anyway apt-get remove -y ftstack", 300)
expect(sh("cat /data/kept").strip() == "kept" and rc("dmsetup info ftm0") == 0, "the pair is gone")
expect(rc("test -e /etc/ftstack/ftd.conf") == 0, "the configuration is gone")
sh("FTSTACK_REMOVE=anyway apt-get purge -y ftstack ftstack-dkms", 300)
left = sh("ls -d /etc/ftstack /var/lib/ftstack /var/lib/dkms/ftstack /etc/*/*/zzz-ftstack "
          "/etc/default/grub.d/ftstack* /etc/systemd/system/*/ftstack* "
          "2>/dev/null; true")
expect(not left, f"something was left: {left}")
