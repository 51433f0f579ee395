"""The bond against bonding and team: what is lost at faults and switches.

Two flows, 2,000 packets/s each way, through the segment of _segment.py; the clock counts
instructions.
"""
import os

from _bench import Results, wanted
from _segment import *

FAULTS = int(os.environ.get("FAULTS", "20"))
SWITCHES = int(os.environ.get("SWITCHES", "100"))
WINDOW = 2                  # seconds in which an outage is looked at
results = Results("bond")


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


MEASURES = ((carrier, ("bond.carrier.lost",)),
            (switches, ("bond.switch.lost", "bond.switch.duplicated", "bond.switch.reordered")),
            (silent, ("bond.vm.outage",)), (path, ("bond.path.outage",)))
measures = [measure for measure, names in MEASURES if any(map(wanted, names))]
if measures:
    boot(modules=(), mem=1024, icount=True, layers=("bench",))
    prepare()
    segment()
    for name in CONTENDERS:
        in_host(make(name, ("a0", "b0"), probing=True))
        heal()
        for measure in measures:
            measure(name)
        in_host([unmake(name)])
        sh("sleep 0.5")
results.table()
