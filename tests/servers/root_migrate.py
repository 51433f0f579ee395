# SPDX-License-Identifier: GPL-2.0
"""A server that runs from one disk moves onto a mirror: the path of docs/install.md.

      10: disk A, with the system   ->   11: disk B a leg alone, the system copied to it,
      11: disk B, blank                  booted from; then A is its other leg
"""
import shutil
import tempfile
from pathlib import Path

from ftguest import server

from _root import CONFIG, root

folder = server.on_disk()
boot(installed=folder, cmdline="root=LABEL=ftroot ro", size=server.IMAGE)
expect(root() == disk(10).dev, root())
other = disk(11).dev
put("/etc/ftstack/ftd.conf", "")
said = sh(f"""truncate -s $(blockdev --getsize64 {other}) /var/tmp/absent
ftctl mirror create --quick ftm0 {other} /var/tmp/absent
rm /var/tmp/absent""", 300)
uuid = next(line.split()[1] for line in said.splitlines() if line.startswith("uuid"))
put("/etc/ftstack/ftd.conf", CONFIG.replace("UUID", uuid))
sh("ftctl reload && ftctl mirror start ftm0", 120)
sh("""mkfs.ext4 -q /dev/mapper/ftm0
mount /dev/mapper/ftm0 /mnt
cp -ax /. /mnt/
echo '/dev/mapper/ftm0 / ext4 errors=remount-ro 0 1' >/mnt/etc/fstab
umount /mnt""", 900)
note("copied")
sh("cp /dev/null /etc/fstab; echo '/dev/mapper/ftm0 / ext4 errors=remount-ro 0 1' >/etc/fstab; "
   "update-initramfs -u", 600)
moved = Path(tempfile.mkdtemp(prefix="ftguest-", dir="/tmp"))
shutil.copy(folder / "vmlinuz", moved)
(moved / "initrd").write_bytes(get(sh("ls /boot/initrd.img-*").split()[-1]))
power_off()
boot(installed=moved, cmdline="root=/dev/mapper/ftm0 ro")
shutil.rmtree(moved)
expect(root() == "/dev/mapper/ftm0", root())
wait_for("ftctl status | grep -q SIMPLEX")
expect("carries ext4" in sh("ftctl mirror replace ftm0 10/1 2>&1; true"), "A was taken unasked")
sh("ftctl mirror replace --wipe ftm0 10/1", 120)
wait_for("ftctl wait --duplex --timeout 5", 900)
