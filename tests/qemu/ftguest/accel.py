"""KVM where a guest really comes up under it, else software emulation."""
import os
import subprocess

from . import cpio, layers, store
from .paths import limit
from .process import die_with_parent

KVM = ["-accel", "kvm", "-cpu", "host"]
TCG = ["-accel", "tcg,thread=multi,tb-size=256"]


def _boots(kernel, folder):
    """Does a kernel reach its first process under KVM within a few seconds?"""
    tree = folder / "root"
    (tree / "dev").mkdir(parents=True)
    os.mknod(tree / "dev/console", 0o20600, os.makedev(5, 1))
    (tree / "init").write_bytes((layers.tools() / "probe").read_bytes())
    (tree / "init").chmod(0o755)
    cpio.pack([tree], folder / "initrd")
    command = ["qemu-system-x86_64", "-M", "q35", *KVM, "-smp", "2", "-m", "256",
               "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
               "-serial", "stdio", "-kernel", kernel.image, "-initrd", folder / "initrd",
               "-append", "console=ttyS0 quiet panic=-1"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit(8), check=False,
                              preexec_fn=die_with_parent)
    except subprocess.TimeoutExpired:
        return False
    return b"ftguest: up" in done.stdout


def options(kernel, icount=False):
    """QEMU's options for the fastest accelerator that works here."""
    if icount:
        # One thread and a clock that counts instructions: two runs agree to the digit.
        return ["-accel", "tcg,thread=single,tb-size=256", "-icount", "shift=0,sleep=off"]
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG

    def make(folder):
        verdict = "kvm" if _boots(kernel, folder) else "tcg"
        (folder / "verdict").write_text(verdict)
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as handle:
        host = handle.read()
    found = store.product("accel", store.key(kernel.key, host), make)
    return KVM if (found / "verdict").read_text() == "kvm" else TCG
