"""What the scenarios of a root on a mirror share."""
from ftguest import server
from ftguest.verbs import *  # noqa: F403

from _packages import duplex  # noqa: F401

CONFIG = """\
[[module]]
id = 10
bridges = ["0000:00:04.0"]

[[module]]
id = 11
bridges = ["0000:00:05.0"]

[[mirror]]
name = "ftm0"
uuid = "UUID"
legs = ["10/1", "11/1"]
degraded_wait_s = 4
"""
folder = None


def start_up(cmdline="", initramfs="initramfs-tools", **options):
    """Boots from the mirror."""
    global folder
    folder = folder or server.on_mirror(CONFIG, initramfs)
    boot(installed=folder, size=server.IMAGE, cmdline=f"root=/dev/mapper/ftm0 ro {cmdline}", **options)


def root():
    """What is mounted as /."""
    return sh("findmnt -no SOURCE /").strip()


def keep(text):
    """A line that is to survive."""
    sh(f"echo {text} >/root/kept; sync /root/kept")


def kept():
    return sh("cat /root/kept").strip()


def take_kernel(folder, version, system=""):
    """What the boot loader would load of the system that is mounted there."""
    (folder / "vmlinuz").write_bytes(get(f"{system}/boot/vmlinuz-{version}"))
    (folder / "initrd").write_bytes(get(f"{system}/boot/initrd.img-{version}"))
