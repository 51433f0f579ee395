# SPDX-License-Identifier: GPL-2.0
"""A server that runs from one disk moves onto a mirror: the path of docs/install.md.

      10: disk A, with the system   ->   11: disk B a leg alone, the system copied to it,
      11: disk B, blank                  booted from; then A is its other leg
"""
import tempfile
from pathlib import Path

from ftguest import server

from _packages import duplex
from _root import CONFIG, root, take_kernel

boot(installed=server.on_disk(), cmdline="root=LABEL=ftroot ro", mem=1536, size=server.IMAGE)
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
echo '/dev/mapper/ftm0 / ext4 errors=remount-ro 0 1' >/mnt/etc/fstab""", 1800)
note("copied")
sh("""for d in dev proc sys run; do mount --rbind /$d /mnt/$d; done
chroot /mnt update-initramfs -u""", 900)
folder = Path(tempfile.mkdtemp(dir=image(10).parent))
take_kernel(folder, sh("uname -r").strip(), "/mnt")
power_off()
boot(installed=folder, cmdline="root=/dev/mapper/ftm0 ro", mem=1536)
expect(root() == "/dev/mapper/ftm0", root())
wait_for("ftctl status | grep -q SIMPLEX")
expect("carries ext4" in sh("ftctl mirror replace ftm0 10/1 2>&1; true"), "A was taken unasked")
sh("ftctl mirror replace --wipe ftm0 10/1", 120)
duplex(900)
