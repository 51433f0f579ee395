"""What the scenarios of ft_core and ft_bond share: both by themselves, without the daemon."""
import re
import subprocess
from pathlib import Path

from ftguest.paths import BUILD
from ftguest.verbs import *  # noqa: F403

TOOLS = Path(__file__).parent.parent / "tools"
UAPI = TOOLS.parent.parent / "kmod/uapi"
BRIDGE = {10: "0000:00:04.0", 11: "0000:00:05.0"}


def program(name):
    """Builds a program of tests/tools and puts it into the guest; returns it on the host."""
    source, binary = TOOLS / f"{name}.c", BUILD / f"tools/{name}"
    binary.parent.mkdir(parents=True, exist_ok=True)
    newest = max(file.stat().st_mtime for file in (source, *UAPI.glob("*.h")))
    if not binary.exists() or binary.stat().st_mtime < newest:
        subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", binary, source],
                       check=True)
    put(f"/usr/bin/{name}", binary.read_bytes(), 0o755)
    return binary


def load():
    """Loads the kernel modules, and puts ftnl into the guest."""
    program("ftnl")
    sh("systemctl stop ftd 2>/dev/null; modprobe ft_bond", check=False)
    sh("ip link show ftb0 2>/dev/null && ip link del ftb0", check=False)


def nic(module):
    """The name of the NIC in a module."""
    mac = f"52:54:00:00:00:{module}"
    wait_for(f"ip -d link | grep -qE 'ether {mac}|permaddr {mac}'")
    found = re.search(rf"^\d+: (\w+):.*\n.*(ether|permaddr) {mac}", sh("ip -d link"), re.M)
    return found.group(1)


def define():
    """Defines modules 10 and 11."""
    for module, bridge in BRIDGE.items():
        sh(f"ftnl set {module} {bridge}")


def bond(modules=(10, 11)):
    """ftb0 over the NICs of both modules, up and DUPLEX; returns their names."""
    sh("ip link add ftb0 type ftbond")
    names = {module: nic(module) for module in modules}
    for name in names.values():
        sh(f"ip link set {name} master ftb0")
    sh("ip addr add 10.77.0.2/24 dev ftb0; ip link set ftb0 up")
    state("DUPLEX")
    return names


def pair():
    """What ft_core says of ftb0."""
    return sh("ftnl pair bond ftb0").strip()


def state(wanted, timeout=60):
    """Waits until ftb0 is in a state; returns what is said of it then."""
    wait_for(lambda: f"ftb0 {wanted} " in pair(), timeout)
    return pair()


def stats():
    """Statistics by name."""
    return {name: int(value) for name, value in
            re.findall(r"^ +(\w+): (\d+)$", sh("ethtool -S ftb0"), re.M)}


def settings():
    """The attributes of ftb0, by name."""
    return dict(line.split(" ", 1) for line in sh("ftnl bond ftb0").splitlines())


def refused(cmd, text):
    """A command must fail, and say what is wrong."""
    job = start(cmd + " 2>&1")
    job.wait(check=False)
    expect(job.status != 0, f"not refused: {cmd}")
    expect(text in job.text, f"{cmd}: said {job.text.strip()!r}, not {text!r}")


def traffic(seconds=3600, retry=2000):
    """Requests from the peer, answered over the bond. A guest that stalls on a busy machine
    answers late: only what has not come after two seconds counts as lost on the way."""
    start("ftping serve")
    sh("sleep 0.3")
    return peer_start(f"ftping ask 10.77.0.2 --seconds {seconds} --rate 500 --retry {retry}")


def answers(job, timeout=120):
    """The figures of traffic(), once it has ended."""
    job.wait(timeout, check=False)
    return {name: float(value) for name, value in
            re.findall(r"(\w+) ([\d.]+)", job.text.splitlines()[-1])}


VLAN_ASK = """
import socket, struct, sys
tap, vid = sys.argv[1], int(sys.argv[2])
mac = bytes.fromhex(open(f"/sys/class/net/{tap}/address").read().strip().replace(":", ""))
asked, asking = (socket.inet_aton(a) for a in sys.argv[3:5])
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
link.bind((tap, 0x0806))
link.settimeout(3)
arp = struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, asking, bytes(6), asked)
link.send(b"\\xff" * 6 + mac + struct.pack(">HHH", 0x8100, vid, 0x0806) + arp.ljust(46, b"\\0"))
while link.recv(2000)[28:32] != asked:
    pass
"""


def ask_vlan(vid, asked, asking):
    """The peer asks, on a VLAN, who has an address; fails without an answer."""
    script = BUILD / "tools/vlan_ask.py"
    script.write_text(VLAN_ASK, encoding="utf-8")
    tap = peer("ip -o -4 addr show to 10.77.0.1 | cut -d' ' -f2").strip()
    peer(f"python3 {script} {tap} {vid} {asked} {asking}")
