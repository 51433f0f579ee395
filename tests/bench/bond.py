"""The bond against bonding and team: what is lost at faults and switches, what a packet costs.

      host                 swa       core        peer
       x -- a0 ----------- a1 [=] ta ---- [=] --- p0    two flows, 2,000 packets/s each way
         `- b0 ----------- b1 [=] tb -----'
                           swb

All in one guest: network namespaces, each switch a bridge, the cables of the host's ports taps
with a program between them; the clock counts instructions.
What needs real NICs, modules that are pulled and a held RTNL lock, follows in a second guest,
whose peer is outside.
"""
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results  # noqa: E402
from _bond import define, load, nic, program  # noqa: E402

PROBE_MS = 10
PROBE_TYPE = "0x88b5"       # ethertype of the probes
FAULTS = int(os.environ.get("FAULTS", "20"))
SWITCHES = int(os.environ.get("SWITCHES", "100"))
WINDOW = 2                  # seconds in which an outage is looked at
HOUR = int(os.environ.get("HOUR", "3600"))  # seconds without a fault
PARTS = os.environ.get("BOND_PARTS", "carrier switch vm path cost hour nic").split()
results = Results("bond")

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

CONTENDERS = {name: how for name, how in CONTENDERS.items()
              if name in os.environ.get("CONTENDERS", " ".join(CONTENDERS)).split()}


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


def segment():
    """The switches and the peer."""
    start("ftcable a0 a1")
    start("ftcable b0 b1")
    wait_for("ip link show a1 && ip link show b1")
    sh("for n in host swa swb core peer vm; do ip netns add $n; ip -n $n link set lo up; "
       "ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 "
       "net.ipv6.conf.default.disable_ipv6=1; done; "
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


def carrier(name, method="icount, 2,000 packets/s each way"):
    """Carrier loss of the active port, again and again: the most that one loss has cost."""
    flows = Flows()
    sh("rm -f /run/carrier.*")
    sh(f"""for i in $(seq {FAULTS}); do
           active=$(ip netns exec host sh -c "{CONTENDERS[name][1]}")
           case $active in a0|b0) set -- ${{active%0}};; *) exit 3;; esac
           {flows.marks()}
           {CUT}; sleep 0.5; {flows.marks('/run/carrier.')}
           {JOIN}; sleep 0.7; done""", 1200)
    flows.stop()
    rows = figures(f"/run/carrier.{flows.ways[0]}")
    expect(all(row["received"] > 100 for row in rows), f"no flow: {rows}")
    seen = {way: [row["lost"] for row in figures(f"/run/carrier.{way}")] for way in flows.ways}
    for way, lost in seen.items():
        results.add(f"bond.carrier.lost.{way}", name, max(lost), "packets",
                    f"{method}, worst of {FAULTS}, {sum(lost):.0f} in all")
        print(f"    {way}: {lost}")
    results.add("bond.carrier.lost", name, max(map(max, seen.values())), "packets",
                f"{method}, the worse way")


def switches(name):
    """Planned switches in a row: all that went wrong, both ways."""
    flows = Flows()
    sh(f"""for i in $(seq {SWITCHES}); do
           to=a0; [ "$(ip netns exec host sh -c "{CONTENDERS[name][1]}")" = a0 ] && to=b0
           ip netns exec host {CONTENDERS[name][2]}$to; sleep 0.02; done; sleep 0.5""", 1200)
    seen = flows.mark()
    flows.stop()
    method = f"icount, 2,000 packets/s each way, {SWITCHES} switches"
    for what, figure in (("lost", "bond.switch.lost"), ("duplicated", "bond.switch.duplicated"),
                         ("reordered", "bond.switch.reordered")):
        results.add(figure, name, sum(row[what] for row in seen.values()), "packets", method)


def outage(figure, name, flows, event, method):
    """The longest silence around an event, in the worse direction."""
    before = flows.mark()
    expect(all(row["received"] for row in before.values()), f"{figure}: no flow: {before}")
    sh(f"{event}; sleep {WINDOW}", 300)
    seen = flows.mark()
    flows.stop()
    worst = max(row["longest_ms"] for row in seen.values())
    results.add(figure, name, min(int(worst), WINDOW * 1000), "ms",
                f"{method}, longest gap in whole ms, window of {WINDOW} s")


def silent(name):
    """Somebody above the bond who never says a word while it switches."""
    method = "icount, carrier loss, 2,000 packets/s to the silent one"
    cut = (f"active=$(ip netns exec host sh -c \"{CONTENDERS[name][1]}\"); "
           "set -- ${active%0}; " + CUT)
    vm = ("ip link add name v1 type veth peer name v0 netns vm; ip link add br0 type bridge; "
          "ip addr flush dev x; ip link set x master br0; ip link set v1 master br0 up; "
          "ip link set br0 up; ip -n vm addr add 10.77.0.9/24 dev v0; ip -n vm link set v0 up")
    macvlan = ("ip link add link x name m0 netns vm type macvlan mode bridge; "
               "ip -n vm addr add 10.77.0.9/24 dev m0; ip -n vm link set m0 up")
    vlan = ("ip link add link x name x.5 type vlan id 5; ip link set x.5 netns vm; "
            "ip -n vm addr add 10.78.0.9/24 dev x.5; ip -n vm link set x.5 up")
    for what, lines, undo, address in (
            ("vm", vm, "ip link set x nomaster; ip link del br0; ip link del v1; "
             "ip addr add 10.77.0.2/24 dev x", "10.77.0.9"),
            ("macvlan", macvlan, "ip -n vm link del m0", "10.77.0.9"),
            ("vlan", vlan, "ip -n vm link del x.5", "10.78.0.9")):
        in_host([lines])
        back = address[:6] + "0.1"
        # One word, so that the network knows it, and the peer for good.
        sh(f"ip netns exec vm ping -qc 2 -i 0.1 -w 20 {back}; "
           f"mac=$(ip -n peer neigh show {address} | sed 's/.*lladdr \\([0-9a-f:]*\\).*/\\1/'); "
           f"dev=$(ip -n peer -o route get {address} | sed 's/.*dev \\([^ ]*\\).*/\\1/'); "
           f"ip -n peer neigh replace {address} lladdr $mac dev $dev nud permanent")
        flows = Flows("vm", address, back, ("rx",))
        outage(f"bond.vm.outage.{what}", name, flows, cut, method)
        sh(f"ip -n peer neigh del {address} dev $(ip -n peer -o route get {address} | "
           "sed 's/.*dev \\([^ ]*\\).*/\\1/')")
        in_host([undo])
        heal()
    worst = max(results.rows[f"bond.vm.outage.{what}", name][0] for what in ("vm", "macvlan", "vlan"))
    results.add("bond.vm.outage", name, worst, "ms", method + ", the worst of the three")


def path(name):
    """The path of the active port is dead although its link is up."""
    method = f"icount, 2,000 packets/s each way, probes every {PROBE_MS} ms"
    gone = {"uplink": ("ip -n core link set ta down", "ip -n core link set tb down"),
            "to": ("tc -n core qdisc add dev ta root netem loss 100%",
                   "tc -n core qdisc add dev tb root netem loss 100%"),
            "from": ("tc -n swa qdisc add dev ta root netem loss 100%",
                     "tc -n swb qdisc add dev tb root netem loss 100%")}
    for what, (of_a, of_b) in gone.items():
        flows = Flows()
        outage(f"bond.path.outage.{what}", name, flows,
               f"active=$(ip netns exec host sh -c \"{CONTENDERS[name][1]}\"); "
               f"case $active in a0) {of_a};; b0) {of_b};; esac", method)
        heal()
    worst = max(results.rows[f"bond.path.outage.{what}", name][0] for what in gone)
    results.add("bond.path.outage", name, worst, "ms", method + ", the worst of the three")


def hour(name):
    """Load and no fault, once more with switches that drop what they do not know."""
    if name != "ftbond":
        return  # nobody else probes
    drop = ("for s in a b; do tc -n sw$s qdisc add dev ${s}1 clsact; "
            f"tc -n sw$s filter add dev ${{s}}1 ingress protocol {PROBE_TYPE} matchall action drop; "
            "done")
    for what, before in (("plain", "true"), ("filtered", drop)):
        sh(f"{before}; sleep 2")
        said = in_host(["ftnl bond x"])
        wanted = "FILTERED" if what == "filtered" else "OK"
        expect(f"probing {wanted}" in said, f"{what}: {said}")
        flows = Flows(rate=500)
        sh(f"sleep {HOUR}", 7200)
        seen = flows.mark()
        flows.stop()
        after = in_host(["ftnl bond x"])
        count = [int(re.search(r"switches (\d+)", text)[1]) for text in (said, after)]
        method = f"icount, {HOUR} s, 500 packets/s each way, probes every {PROBE_MS} ms"
        results.add(f"bond.path.false.{what}", name, count[1] - count[0], "switches", method)
        results.add(f"bond.path.false.{what}.lost", name,
                    sum(row["lost"] for row in seen.values()), "packets", method)
        sh("for s in a b; do tc -n sw$s qdisc del dev ${s}1 clsact 2>/dev/null; done; sleep 1")


PKTGEN = """
modprobe pktgen
echo reset >/proc/net/pktgen/pgctrl
echo "add_device {dev}" >/proc/net/pktgen/kpktgend_0
for line in "count {count}" "clone_skb 0" "burst 1" "pkt_size 64" "delay 0" "{mode}" \\
            "dst 198.18.0.1" "src_min 198.18.0.9" "src_max 198.18.0.9" "dst_mac {mac}"; do
    echo "$line" >/proc/net/pktgen/{dev}
done
echo start >/proc/net/pktgen/pgctrl
grep -o '[0-9]*pps' /proc/net/pktgen/{dev} | tr -d pps
"""


def pktgen(dev, mac, mode="xmit_mode start_xmit", count=200000):
    """Packets per second that pktgen gets through a device."""
    put("/run/pktgen.sh", PKTGEN.format(dev=dev, mac=mac, mode=mode, count=count))
    return int(sh("sh /run/pktgen.sh", 300).split()[-1])


def cost():
    """What a packet costs in instructions: pktgen both ways, and UDP from an application."""
    sh("ip netns add sink; for s in c d; do "
       "ip link add ${s}0 type veth peer name ${s}1 netns sink; ip -n sink link set ${s}1 up; done")
    method = "icount, veth ports"

    def measure(name, tx, rx):
        sh("ip neigh replace 10.77.0.1 lladdr 02:00:00:00:00:01 dev " + tx)
        own = sh(f"cat /sys/class/net/{tx}/address").strip()
        results.add("bond.cost.tx", name, pktgen(tx, "02:00:00:00:00:01"), "packets/s",
                    method + ", pktgen")
        results.add("bond.cost.rx", name, pktgen(rx, own, "xmit_mode netif_receive"), "packets/s",
                    method + ", pktgen netif_receive")
        results.add("bond.cost.udp", name,
                    float(sh("ftflow cost 10.77.0.1 9 100000", 120)), "ns",
                    method + ", 64 bytes, sendto")

    sh("ip link set c0 up; ip addr add 10.77.0.2/24 dev c0")
    measure("raw", "c0", "c0")
    sh("ip addr flush dev c0")
    for name, (_, active, _) in CONTENDERS.items():
        sh("\n".join(["set -e"] + make(name, ("c0", "d0")) + ["sleep 2"]))
        measure(name, "x", sh(active).strip() or "c0")
        sh(unmake(name) + "; sleep 0.5")


def in_segment():
    """All that is measured between namespaces."""
    segment()
    for name in CONTENDERS:
        in_host(make(name, ("a0", "b0"), probing=True))
        heal()
        for part, measure in (("carrier", carrier), ("switch", switches), ("vm", silent),
                              ("path", path), ("hour", hour)):
            if part in PARTS:
                measure(name)
        in_host([unmake(name)])
        sh("sleep 0.5")


def hold_rtnl():
    """Holds the RTNL lock for half a second: a self-test of a NIC that has nothing to do with it
    sleeps under it, until a signal comes."""
    spare = sh("grep -l 52:54:00:00:00:99 /sys/class/net/*/address").split("/")[4]
    start(f"timeout 0.5 ethtool -t {spare} online")


def faults(name, tool):
    """A bond over real NICs, with a flow each way; returns the active port, its module, the jobs."""
    names = {module: nic(module) for module in (10, 11)}
    sh("\n".join(["set -e"] + make(name, tuple(names.values())) + ["sleep 2"]))
    active = sh(CONTENDERS[name][1]).strip()
    ends = ((start, "ftflow", "10.77.0.1"), (peer_start, tool, "10.77.0.2"))
    jobs = [run(f"{path} receive 7000") for run, path, _ in ends]
    sh("sleep 0.3")
    jobs += [run(f"{path} send {to} 7000 1000 3600") for run, path, to in ends]
    sh("sleep 0.5")
    return active, 10 if active == names[10] else 11, jobs


def seen_lost(tool):
    """What either way has lost since the last time."""
    lost = []
    for said in (sh("ftflow mark 7000"), peer(f"{tool} mark 7000")):
        row = {n: float(v) for n, v in re.findall(r"(\w+) ([\d.]+)", said)}
        expect(row["received"] > 0, f"no flow: {said}")
        lost.append(row["lost"])
    return lost


def nics():
    """Faults of real NICs, one after the other, each on a new bond."""
    method = "two CPUs, 1,000 packets/s each way, the worse way"
    tool = program("ftflow")
    for name in CONTENDERS:
        for figure in ("bond.pull.lost.torn", "bond.pull.lost.sysfs", "bond.rtnl.lost"):
            active, module, jobs = faults(name, tool)
            seen_lost(tool)
            sh("sleep 1")
            quiet = seen_lost(tool)
            if figure.endswith("torn"):
                pull(module)
            elif figure.endswith("sysfs"):
                sh(f"echo 1 >/sys/class/net/{active}/device/remove")
            else:
                hold_rtnl()
                sh("sleep 0.1")
                link(module, False)
            sh("sleep 2")
            lost = seen_lost(tool)
            results.add(figure, name, max(lost), "packets",
                        f"{method}; from it {lost[1]:.0f}, to it {lost[0]:.0f}; "
                        f"in a second before {max(quiet):.0f}")
            for job in jobs:
                job.kill()
            sh(unmake(name))
            if figure.endswith("torn"):
                insert(module)
            elif figure.endswith("sysfs"):
                sh("echo 1 >/sys/bus/pci/rescan")
            else:
                link(module, True)
            sh("sleep 1")
        worst = max(results.rows[f"bond.pull.lost.{what}", name][0] for what in ("torn", "sysfs"))
        results.add("bond.pull.lost", name, worst, "packets", method)


def prepare():
    """Kernel modules of all contenders, and the tools."""
    load()
    program("ftflow")
    program("ftcable")
    sh("modprobe veth; modprobe tun; modprobe bridge; modprobe macvlan; modprobe 8021q; modprobe sch_netem; "
       "modprobe bonding max_bonds=0; modprobe team; modprobe team_mode_activebackup; "
       "ip link del bond0 2>/dev/null; true")


if set(PARTS) - {"nic"}:
    boot(modules=(), mem=1024, icount=True, layers=("bench",))
    prepare()
    if set(PARTS) & {"carrier", "switch", "vm", "path", "hour"}:
        in_segment()
    if "cost" in PARTS:
        cost()
    power_cut()
if "nic" in PARTS:
    boot(modules=(10, 11), layers=("bench",), extra=("-device", "e1000e,mac=52:54:00:00:00:99"))
    prepare()
    define()
    nics()
results.table()
for figure in ("bond.cost.tx", "bond.cost.rx", "bond.cost.udp"):
    print(f"{figure:24} ftbond is "
          + ", ".join(f"{results.ratio(figure, 'ftbond', t)} x {t}"
                      for t in ("raw", "bonding-miimon100", "bonding-miimon1", "team")))
