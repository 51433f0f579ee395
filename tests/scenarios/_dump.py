"""What the dump's scenarios share: a guest with a crash kernel, and the steps by hand."""
import json
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


def bring_kernel():
    """Kernel and initramfs that this guest was booted with, as files of its own."""
    sh("mkdir -p /persist/boot; disk=/dev/disk/by-id/virtio-FT; cd /persist/boot && "
       "dd if=${disk}VMLINUZ of=vmlinuz bs=1M status=none && "
       "tail -c +513 ${disk}INITRD | head -c $(head -c 20 ${disk}INITRD) >initrd", 120)


def arm(options=""):
    """Load the crash kernel: what this guest was booted with."""
    bring_kernel()
    put("/etc/ftstack/dump.conf", CONF.format(options=options))
    sh("sync; ftctl dump load", 120)
    expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", "no crash kernel is loaded")


def wait_saved(timeout=300):
    """Until ftstack-dump has ended, whatever came of it; returns what it has said."""
    wait_for("systemctl show -P ActiveState ftstack-dump | grep -qx -e inactive -e failed && "
             "! systemctl show -P ExecMainExitTimestampMonotonic ftstack-dump | grep -qx 0",
             timeout)
    return sh("journalctl -b -q -o cat -u ftstack-dump --no-pager")


def dumps():
    """What `ftctl dump list` says, oldest first."""
    return json.loads(sh("ftctl dump list --json"))


WEB = {
    "web.socket": "[Socket]\nListenStream=80\nAccept=yes\n",
    "web@.service": "[Service]\nStandardInput=socket\nExecStart=/bin/sh -c 'read line; "
                    "printf \"HTTP/1.0 200 OK\\\\r\\\\n\\\\r\\\\n\"; exec cat /mnt/page'\n",
}


def serve(page):
    """The service: a page that lies on the mirror, asked for through the bond."""
    for name, text in WEB.items():
        put(f"/run/systemd/system/{name}", text)
    wait_for("mount /dev/mapper/ftm0 /mnt", 120)
    wait_for("ip addr replace 10.77.0.2/24 dev ftb0 && ip link set ftb0 up")
    if page:
        sh(f"echo {page} >/mnt/page; sync -f /mnt/page")
    sh("systemctl daemon-reload; systemctl start web.socket")
    answers()


def answers():
    """Waits for the page."""
    wait_for(lambda: "durable" in peer(
        "bash -c 'exec 3<>/dev/tcp/10.77.0.2/80 && echo GET / >&3 && timeout 5 cat <&3' 2>&1",
        check=False), 60)


def panic(*how):
    """Panics, as crash() is told; returns when the memory is back and all is armed again."""
    before = now()
    crash(*how)
    serve("")
    note(f"the service answers {now() - before:.1f} s after the panic, "
         f"old memory {sh(f'cat {SYSFS}/state 2>&1', check=False).strip()}")
    said = wait_saved()
    for line in said.splitlines():
        note(line)
    expect(read("state") == "RETURNED", f"the memory is {read('state')}: {read('error')}\n{said}")
    expect(sh("cat /sys/kernel/kexec_crash_loaded").strip() == "1", f"not armed again\n{said}")
    tool("ftdump")


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
