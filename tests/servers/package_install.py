# SPDX-License-Identifier: GPL-2.0
"""A fresh Debian: the packages are installed, the pairs set up, DUPLEX; upgraded under load,
booted with a file system of fstab on the mirror, and removed.

    [vda] Debian       10: NIC, disk       11: NIC, disk
"""
from ftguest import server


def duplex():
    wait_for("ftctl wait --duplex --timeout 5", 300)


boot(installed=server.fresh(), cmdline="root=/dev/vda ro", mem=2048, size="64M")
expect(rc("modinfo ft_mirror") != 0, "the guest is not a fresh one")

# Three commands.
sh("apt-get install -y /root/debs/ftstack-dkms_*.deb /root/debs/ftstack_*.deb", 1800)
note("installed")
steps = sh("ftctl setup --root")
expect("root=/dev/mapper/ftm0" in steps and rc("test -e /etc/ftstack/ftd.conf") != 0, steps)
sh("ftctl setup --yes", 120)
duplex()
expect("/updates/dkms/" in sh("modinfo -F filename ft_mirror"), "not DKMS's kernel module")
expect(sh("modinfo -F signer ft_mirror").strip() != "", "DKMS has not signed it")
expect("ftstack" in sh("dkms status") and "installed" in sh("dkms status"), sh("dkms status"))
doctor = sh("ftctl doctor; true")
expect("BAD" not in doctor, doctor)

# A package that holds a running server does not go without being told.
for package in ("ftstack", "ftstack-dkms"):
    said = sh(f"apt-get remove -y {package} 2>&1; echo status $?", 300)
    expect("these pairs run: ftm0 ftb0" in said and "status 0" not in said, said)
expect(rc("ftctl status") == 0, sh("ftctl status; true"))

# Upgraded under load: ftd is another one, the pairs are the same.
before = sh("systemctl show -P MainPID ftd; dmsetup info -c --noheadings -o major,minor,open ftm0")
job = start("ftwrite /dev/mapper/ftm0 --direct --blocks 512 --batch 4")
job.wait_line("ack")
sh("apt-get install -y --reinstall /root/debs/ftstack_*.deb", 600)
have = len(job.lines)
wait_for(lambda: len(job.lines) > have + 20)
expect("error" not in job.text, job.text[-300:])
after = sh("systemctl show -P MainPID ftd; dmsetup info -c --noheadings -o major,minor,open ftm0")
expect(before.split()[0] != after.split()[0], "ftd was not restarted")
expect("ft_mirror" not in "".join(kmsg()[-20:]) or rc("ftctl status") == 0, "a pair was touched")
duplex()
job.kill()
job.wait(check=False)

# What fstab has on a mirror is mounted before anything needs it.
sh("mkfs.ext4 -q /dev/mapper/ftm0; mkdir /data; "
   "echo '/dev/mapper/ftm0 /data ext4 defaults 0 2' >>/etc/fstab; "
   "mount /data; echo kept >/data/kept; systemctl daemon-reload")
power_off()
boot(installed=server.fresh(), cmdline="root=/dev/vda ro", mem=2048)
expect(sh("cat /data/kept").strip() == "kept", "the mirror is not mounted")
expect(rc("systemctl is-active local-fs.target") == 0, "local-fs.target was not reached")
duplex()

# Told to go, they go; the pairs stay until the next boot, the legs keep their data.
sh("FTSTACK_REMOVE=anyway apt-get remove -y ftstack", 300)
expect(sh("cat /data/kept").strip() == "kept" and rc("dmsetup info ftm0") == 0, "the pair is gone")
expect(rc("test -e /etc/ftstack/ftd.conf") == 0, "the configuration is gone")
sh("FTSTACK_REMOVE=anyway apt-get purge -y ftstack ftstack-dkms", 300)
expect(rc("test -e /etc/ftstack -o -e /var/lib/ftstack -o -e /var/lib/dkms/ftstack") != 0,
       "something was left")
