# SPDX-License-Identifier: GPL-2.0
"""A server is installed onto a mirror: the steps of `ftctl setup --root`, line by line. Then its
firmware boots it, from either module; what it boots follows /boot, and its menu the crash kernel's
region.

    [vda] Debian       10: NIC, disk, small disk       11: NIC, disk, small disk
"""
from ftguest import server
from ftguest.guest import COMMAND_LINE

from _packages import duplex
from _root import keep, kept, root

CHECK = "/usr/lib/ftstack/boot-copy --check"


def start_up(modules=(10, 11)):
    """As its firmware does."""
    boot(installed="/usr/share/ovmf", modules=modules, mem=2048)
    expect(root() == "/dev/mapper/ftm0", root())
    expect("root=/dev/mapper/ftm0" in sh("cat /proc/cmdline"), sh("cat /proc/cmdline"))
    expect(rc("test -d /sys/firmware/efi") == 0, "not booted by the firmware")


boot(installed=server.on_system_disk(), cmdline="root=/dev/vda ro", mem=2048, size=server.IMAGE,
     disks=2)
words = COMMAND_LINE.replace(" rdinit=/init", "")
sh(f"mkdir -p /etc/default/grub.d && echo 'GRUB_TIMEOUT=1 GRUB_CMDLINE_LINUX=\"{words}\"' "
   ">/etc/default/grub.d/guest.cfg")
steps = sh("ftctl setup --root")
expect(rc("test -e /etc/ftstack/ftd.conf") != 0, "showing the steps has set something up")
for command in (line.strip() for line in steps.splitlines() if line.startswith(" " * 9)):
    note(command)
    sh(command, 1800)
power_off()
start_up()
duplex()
expect("ftm1" not in sh("ftctl status"), "what the firmware boots from was taken for a mirror")
doctor = sh("ftctl doctor; true")
expect("the boot partition of each module is in step" in doctor and "BAD" not in doctor, doctor)
note("installed")

# While one module is away the other one follows; the one that returns does so too.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
sh("touch /etc/modprobe.d/changed.conf && update-initramfs -u", 900)
said = sh(f"{CHECK}; true", 120)
expect(said.strip() == "module 11 has no partition FTBOOT11", said)
keep("ten")
power_cut()
start_up((10,))
expect(kept() == "ten", "not what 10 has")
insert(11)
duplex()
wait_for(f"{CHECK} && ! systemctl is-active ftstack-boot", 300)
keep("both")
pull(10)
wait_for("ftctl status | grep -q 'module 10  REMOVED'")
keep("eleven")
power_cut()
start_up((11,))
expect(kept() == "eleven", "not what 11 has")
insert(10)
duplex()

# The crash kernel's region is asked for in both modules' menus, and given up in both.
RESERVED = "cat /sys/kernel/kexec_crash_size"
said = sh("ftctl dump arm; true", 300)
expect("reboot, and run \"ftctl dump arm\" again" in said, said)
expect(rc(CHECK) == 0, "a module's menu was not written")
pull(10)
wait_for("ftctl status | grep -q 'module 10  REMOVED'")
power_off()
start_up((11,))
expect(int(sh(RESERVED)) > 0, "11's menu reserves nothing")
insert(10)
duplex()
said = sh("ftctl dump arm; true", 600)
expect("armed" in said.splitlines(), said)
expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", "no crash kernel is loaded")
sh("ftctl dump disarm", 300)
expect(rc(CHECK) == 0, "a module's menu was not written")
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
power_off()
start_up((10,))
expect(int(sh(RESERVED)) == 0, "10's menu still reserves memory")
