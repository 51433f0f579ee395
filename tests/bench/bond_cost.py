"""What a packet costs in a bond: pktgen both ways, and UDP from an application; the clock counts
instructions.
"""
from _bench import Results, median, wanted
from _segment import *

results = Results("bond")
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
    """Packets per second that pktgen gets through a device. Most runs give the same to a thousandth,
    one in six or so less: what else the guest has to do now and then."""
    put("/run/pktgen.sh", PKTGEN.format(dev=dev, mac=mac, mode=mode, count=count))
    return median(int(sh("sh /run/pktgen.sh", 300).split()[-1]) for _ in range(5))


METHOD = "icount, veth ports, median of 5"
FIGURES = ("bond.cost.tx", "bond.cost.rx", "bond.cost.udp")


def measure(name, tx, rx):
    """What goes out through `tx` and comes in through `rx`."""
    sh("ip neigh replace 10.77.0.1 lladdr 02:00:00:00:00:01 dev " + tx)
    own = sh(f"cat /sys/class/net/{tx}/address").strip()
    if wanted("bond.cost.tx"):
        results.add("bond.cost.tx", name, pktgen(tx, "02:00:00:00:00:01"), "packets/s",
                    METHOD + ", pktgen")
    if wanted("bond.cost.rx"):
        results.add("bond.cost.rx", name, pktgen(rx, own, "xmit_mode netif_receive"), "packets/s",
                    METHOD + ", pktgen netif_receive")
    if wanted("bond.cost.udp"):
        results.add("bond.cost.udp", name,
                    float(sh("ftflow cost 10.77.0.1 9 100000", 120)), "ns",
                    "icount, veth ports, 64 bytes, sendto")


if any(map(wanted, FIGURES)):
    boot(modules=(), mem=1024, icount=True, layers=("bench",))
    prepare()
    sh("ip netns add sink; for s in c d; do "
       "ip link add ${s}0 type veth peer name ${s}1 netns sink; ip -n sink link set ${s}1 up; done")
    sh("ip link set c0 up; ip addr add 10.77.0.2/24 dev c0")
    measure("raw", "c0", "c0")
    sh("ip addr flush dev c0")
    for name, (_, active, _) in CONTENDERS.items():
        sh("\n".join(["set -e"] + make(name, ("c0", "d0")) + ["sleep 2"]))
        measure(name, "x", sh(active).strip() or "c0")
        sh(unmake(name) + "; sleep 0.5")
results.table()
for figure in filter(wanted, FIGURES):
    print(f"{figure:24} ftbond is "
          + ", ".join(f"{results.ratio(figure, 'ftbond', theirs)} x {theirs}"
                      for theirs in ("raw", *CONTENDERS) if theirs != "ftbond"))
