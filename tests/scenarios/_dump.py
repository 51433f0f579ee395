"""What the dump's scenarios share: a guest with a crash kernel, and the steps by hand."""
import re
import subprocess
from pathlib import Path

from ftguest.paths import BUILD
from ftguest.verbs import *  # noqa: F403

SYSFS = "/sys/kernel/ft_dump"
REGION = 0x40000000, 0x20000000  # of the first crash kernel
SECOND = 0x10000000, 0x20000000  # of the next one: old memory of the first kernel
SIZE = 2048


def boot_dump(**options):
    """A guest of 2 GiB with a region for a crash kernel."""
    start, size = REGION
    boot(mem=SIZE, crash=f"{size >> 20}M@{start >> 20}M", **options)


def tool(name):
    """Puts a program of tests/tools into the guest."""
    source = Path(__file__).parent.parent / f"tools/{name}.c"
    binary = BUILD / "tools" / name
    binary.parent.mkdir(parents=True, exist_ok=True)
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", binary,
                        source], check=True)
    put(f"/run/{name}", binary.read_bytes(), 0o755)


def ram():
    """The running kernel's memory, without the first MiB and the crash region."""
    found, inside = [], []
    for line in sh("cat /proc/iomem").splitlines():
        match = re.match(r"( *)([0-9a-f]+)-([0-9a-f]+) : (.*)", line)
        first, last = int(match[2], 16), int(match[3], 16) + 1
        if match[4] == "System RAM" and not match[1]:
            found.append((max(first, 1 << 20), last))
        elif match[4] == "Crash kernel":
            inside.append((first, last))
    for first, last in inside:
        found = [part for a, b in found for part in ((a, min(b, first)), (max(a, last), b))]
    # A crash kernel's own memory has odd ends: only whole pages count.
    found = [(-(-a // 4096) * 4096, b // 4096 * 4096) for a, b in found]
    return [(a, b) for a, b in found if b > a]


CONF = """path = /persist/crash
kernel = /persist/boot/vmlinuz
initramfs = /persist/boot/initrd
# root=: the guest's root is its initramfs, and would have half of the memory only.
options = root=none {options}
"""


def arm(options=""):
    """Load the crash kernel: what this guest was booted with."""
    sh("mkdir -p /persist/boot; disk=/dev/disk/by-id/virtio-FT; cd /persist/boot && "
       "dd if=${disk}VMLINUZ of=vmlinuz bs=1M status=none && "
       "tail -c +513 ${disk}INITRD | head -c $(head -c 20 ${disk}INITRD) >initrd", 120)
    put("/etc/ftstack/dump.conf", CONF.format(options=options))
    sh("sync; ftctl dump load", 120)
    expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", "no crash kernel is loaded")


def whole():
    """Bytes of the whole blocks of this guest's old memory: not the first, nor the last."""
    return (SIZE << 20) - REGION[1] - 2 * (128 << 20)


def read(name):
    return sh(f"cat {SYSFS}/{name}").strip()


def step(name, *words):
    """One step of ft_dump; returns the name of its error, or "done"."""
    text = " ".join(f"{word:x}" for word in words)
    return sh(f"/run/ftdump {SYSFS}/{name} '{text}'", check=False).strip()


def steps(wanted, *rest):
    said = step(*rest)
    expect(said == wanted, f"{rest}: {said}, not {wanted}")


def blocks(state=None):
    """(start, state) of each block."""
    size = int(read("block_size"), 16)
    found = []
    for line in read("blocks").splitlines():
        start, length, name = line.split()
        found += [(int(start, 16) + at, name) for at in range(0, int(length, 16), size)]
    return [block for block in found if state in (None, block[1])]


def memory():
    """MemTotal in MiB."""
    return int(sh("grep MemTotal /proc/meminfo").split()[1]) >> 10
