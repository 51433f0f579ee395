# SPDX-License-Identifier: GPL-2.0
"""A newer kernel comes to a server whose root lies on a mirror: DKMS builds and signs the kernel
modules for it, the initramfs carries them, and the server boots into it; and back.

      10: disk --+
                 +-- ftm0: /
      11: disk --+
"""
import tempfile
from pathlib import Path

from ftguest import server

from _packages import built, duplex
from _root import keep, kept, root, start_up, take_kernel

start_up(mem=2048, extra=("-drive", f"if=none,id=newer,format=raw,readonly=on,"
                                    f"file={server.newer_kernel()}",
                          "-device", "virtio-blk-pci,drive=newer"))
duplex()
old = sh("uname -r").strip()
sh(f"mount LABEL=newer /mnt && cp -a /mnt/ccache /var/cache/ && {server.INSTALL} /mnt/*.deb && "
   "umount /mnt", 1800)
new = sh("ls /boot/vmlinuz-* | sort -V | tail -n 1").strip().removeprefix("/boot/vmlinuz-")
expect(new != old, "no newer kernel was installed")
note(f"installed {new}")
built(new)
carried = sh(f"lsinitramfs /boot/initrd.img-{new}", 120)
for name in (f"{new}/updates/dkms/ft_mirror.ko", f"{new}/updates/dkms/ft_core.ko",
             "sbin/ft_assemble", "etc/ftstack/ftd.conf"):
    expect(name in carried, f"the initramfs lacks {name}")
doctor = sh("ftctl doctor; true")
expect(f"the kernel modules are built for {new}, another kernel" in doctor, doctor)

# The same system under Secure Boot, before the owner has enrolled the key, and after.
sh("mkdir -p /tmp/sb/sys/firmware/efi/efivars /tmp/sb/sys/module /tmp/sb/proc/sys/kernel && cd /tmp/sb && "
   "ln -s /lib lib && ln -s /var var && uname -r >proc/sys/kernel/osrelease && "
   r"printf '\6\0\0\0\1' >sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
doctor = sh("ftctl doctor --root /tmp/sb; true")
expect('"mokutil --import /var/lib/dkms/mok.pub", then reboot and confirm' in doctor, doctor)
expect("not signed" not in doctor, doctor)
sh("cat /var/lib/dkms/mok.pub >/tmp/sb/sys/firmware/efi/efivars/MokListRT-605dab50")
doctor = sh("ftctl doctor --root /tmp/sb; true")
expect("key that DKMS signs with is enrolled" in doctor and "mokutil" not in doctor, doctor)

keep("before")
folder = Path(tempfile.mkdtemp(dir=image(10).parent))
take_kernel(folder, new)
power_off()
boot(installed=folder, cmdline="root=/dev/mapper/ftm0 ro")
expect(sh("uname -r").strip() == new, sh("uname -r"))
expect(root() == "/dev/mapper/ftm0" and kept() == "before", "another root")
duplex()
note("runs from the mirror with the new kernel")

# It protects the server as the old one does, and the old one is still a way back.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
keep("after")
insert(11)
duplex()
power_off()
start_up()
expect(sh("uname -r").strip() == old and kept() == "after", "not the old kernel")
duplex()
