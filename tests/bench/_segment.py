"""What the benches of the bond share: who is compared, and a segment to compare them in.

      host                 swa       core        peer
       x -- a0 ----------- a1 [=] ta ---- [=] --- p0    a flow each way
         `- b0 ----------- b1 [=] tb -----'
                           swb

Network namespaces, each switch a bridge, the cables of the host's ports taps with a program
between them.
"""
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from ftguest.verbs import *  # noqa: E402, F403
from _bond import load, program  # noqa: E402

PROBE_MS = 10
TEAM = ('{"device": "x", "runner": {"name": "activebackup"}, "link_watch": {"name": "ethtool"}, '
        '"ports": {"%s": {}, "%s": {}}}')
BONDING = "ip link add x type bond mode active-backup "
ACTIVE_BONDING = "cat /sys/class/net/x/bonding/active_slave"
SWITCH_BONDING = "ip link set x type bond active_slave"
# name: make, before the ports; which port is active; switch to a port
CONTENDERS = {
    "ftbond": ("ip link add x type ftbond", "ftnl bond x | sed -n 's/^active //p'",
               "ftnl bond x active="),
    "bonding-miimon100": (BONDING + "miimon 100", ACTIVE_BONDING, SWITCH_BONDING + " "),
    "bonding-miimon1": (BONDING + "miimon 1", ACTIVE_BONDING, SWITCH_BONDING + " "),
    "bonding-arp100": (BONDING + "arp_interval 100 arp_ip_target 10.77.0.1", ACTIVE_BONDING,
                       SWITCH_BONDING + " "),
    "team": (None, "teamdctl x state item get runner.active_port",
             "teamdctl x state item set runner.active_port "),
}
# CONTENDERS="ftbond team": only these.
CONTENDERS = {name: how for name, how in CONTENDERS.items()
              if name in os.environ.get("CONTENDERS", " ".join(CONTENDERS)).split()}


def prepare():
    """Kernel modules of all contenders, and the tools."""
    load()
    program("ftflow")
    program("ftcable")
    sh("modprobe veth; modprobe tun; modprobe bridge; modprobe macvlan; modprobe 8021q; modprobe sch_netem; "
       "modprobe bonding max_bonds=0; modprobe team; modprobe team_mode_activebackup; "
       "ip link del bond0 2>/dev/null; true")


def make(name, ports, probing=False):
    """Lines that make contender x over two ports, up, with an address."""
    create = CONTENDERS[name][0]
    lines = [f"ip link set {port} down" for port in ports]
    if create:
        lines += [create] + [f"ip link set {port} master x" for port in ports]
    else:
        lines += [f"teamd -d -c '{TEAM % tuple(ports)}'"]
    if probing and name == "ftbond":
        lines += [f"ftnl bond x probe={PROBE_MS}"]
    return lines + ["ip link set x up", "ip addr add 10.77.0.2/24 dev x"]


def unmake(name):
    """Lines that take it away again."""
    return "teamd -k -t x" if name == "team" else "ip link del x"


def in_host(lines):
    """Runs lines of shell in namespace host."""
    put("/run/host.sh", "set -e\n" + "\n".join(lines) + "\n")
    return sh("ip netns exec host sh /run/host.sh", 120)


# A carrier that falls: the host's end first, so that what was sent before still arrives, then the
# switch's. A veth would not do: its far end stops listening before the carrier falls.
CUT = "ip -n host link set ${1}0 carrier off; ip -n sw$1 link set ${1}1 down"
JOIN = "ip -n sw$1 link set ${1}1 up; ip -n host link set ${1}0 carrier on"


QUIET = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
SPACE = f"ip netns add $n; ip -n $n link set lo up; ip netns exec $n {QUIET}"


def segment():
    """The switches and the peer."""
    start("ftcable a0 a1")
    start("ftcable b0 b1")
    wait_for("ip link show a1 && ip link show b1")
    sh(f"for n in host swa swb core peer vm; do {SPACE}; done; "
       "for s in a b; do "
       "ip link set ${s}0 netns host; ip link set ${s}1 netns sw$s; "
       "ip link add t$s netns sw$s type veth peer name t$s netns core; done; "
       "ip link add p0 netns peer type veth peer name p1 netns core; "
       "for n in swa swb core; do ip -n $n link add sw type bridge; ip -n $n link set sw up; "
       "for p in a1 b1 ta tb p1; do "
       "ip -n $n link set $p master sw up 2>/dev/null || true; done; done; "
       "ip -n peer addr add 10.77.0.1/24 dev p0; ip -n peer link set p0 up; "
       "ip -n peer link add link p0 name p0.5 type vlan id 5; "
       "ip -n peer addr add 10.78.0.1/24 dev p0.5; ip -n peer link set p0.5 up")


def wires():
    """With boot(wired=True): the modules' NICs are the host's ports, their cables' far ends are in
    one switch. Namespace "host" is the one that everything starts in."""
    sh(f"{QUIET}; ip netns attach host 1; "
       f"for n in core peer; do {SPACE}; done; "
       "ip -n core link add sw type bridge; ip -n core link set sw up; "
       "ip link add p0 netns peer type veth peer name p1 netns core; "
       "ip -n core link set p1 master sw up; for m in 10 11; do "
       "far=$(basename $(dirname $(grep -l 52:54:00:00:01:$m /sys/class/net/*/address))); "
       "ip link set $far netns core; ip -n core link set $far master sw up; done; "
       "ip -n peer addr add 10.77.0.1/24 dev p0; ip -n peer link set p0 up")


def heal():
    """All links up, no losses, and whoever has forgotten somebody has learned again."""
    sh("for d in 'core ta' 'core tb' 'swa ta' 'swb tb' 'swa a1' 'swb b1'; do set -- $d; "
       "tc -n $1 qdisc del dev $2 root 2>/dev/null; ip -n $1 link set $2 up; done; "
       f"for s in a b; do set -- $s; {JOIN}; done; true")
    sh("sleep 1; ip netns exec host ping -qc 3 -i 0.1 -w 20 10.77.0.1 || true")


class Flows:
    """Both flows for as long as they are needed: "tx" from the host, "rx" to it."""

    def __init__(self, there="host", address="10.77.0.2", back="10.77.0.1", ways=("tx", "rx"),
                 rate=2000, port=7000):
        self.ends, self.ways, self.port = {"tx": "peer", "rx": there}, ways, port
        for way in ways:
            start(f"ip netns exec {self.ends[way]} ftflow receive {port}")
        sh("sleep 0.2")
        for way in ways:
            source, to = (there, back) if way == "tx" else ("peer", address)
            start(f"ip netns exec {source} ftflow send {to} {port} {rate} 3600")
        sh("sleep 0.3")
        self.mark()

    def marks(self, path=""):
        """Lines of shell that append the figures of both ways to a file."""
        return "; ".join(f"ip netns exec {self.ends[way]} ftflow mark {self.port} "
                         f"{'>>' + path + way if path else '>/dev/null'}" for way in self.ways)

    def mark(self):
        """What has been since the last mark: {way: {figure: value}}."""
        sh("rm -f /run/mark.*; " + self.marks("/run/mark."))
        return {way: figures(f"/run/mark.{way}")[0] for way in self.ways}

    def stop(self):
        """Ends them."""
        sh("for p in $(pidof ftflow); do kill $p; done; sleep 0.1", check=False)


def figures(path):
    """Lines of ftflow in a file of the guest."""
    return [{name: float(value) for name, value in re.findall(r"(\w+) ([\d.]+)", line)}
            for line in sh(f"cat {path}").splitlines()]
