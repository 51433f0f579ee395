"""Random operations from four sides at once, under traffic: no splat, nothing left behind.

    ftb0, ftb1 -- any two of: veth p0..p5, the NICs of 10 and 11
    sides 0, 1: ip(8) on everything, each with a bond of its own
    side 2: modules isolated and joined, active ports set
    side 3: NICs removed from the bus and found again, drivers unbound

SEED=n repeats a run's operations (not their timing), OPS=n makes it longer. A long run is without
udev, and its side 3 is slower: they would take more of the guest's time than the other sides.
"""
import os
import random

from _bond import *

BESIDE = 40

OPS = int(os.environ.get("OPS", "600"))
LONG = OPS > 2000
seed = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
note(f"SEED={seed}")
dice = random.Random(seed)
boot()
load()
define()
sh("sysctl -qw net.ipv6.conf.default.dad_transmits=0; modprobe macvlan; modprobe bridge; "
   "modprobe 8021q; ip netns add far; ip link add br0 type bridge")
sh("ip link add ftb0 type ftbond; ip link add ftb1 type ftbond; for n in 0 1 2 3 4 5; do "
   "ip link add p$n type veth peer name q$n; ip link set p$n up; ip link set q$n up; done")
# Who names an interface that is away has modprobe run for it: half of the guest's time.
sh("sysctl -qw kernel.modprobe=")
if LONG:
    sh("systemctl stop systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd")
nics = [nic(10), nic(11)]
bonds = ["ftb0", "ftb1"]
ports = [f"p{n}" for n in range(6)] + nics


def operation(bond_name):
    """Lines for ip -batch. It gives up where a master does not exist: so who has it removed
    has it made again, and nobody else names it."""
    port = dice.choice(ports)
    return dice.choice([
        f"link set {port} master {bond_name}",
        f"link set {port} master {bond_name}",
        f"link set {port} master {bond_name}",
        f"link set {port} nomaster",
        f"link set {port} {dice.choice(['up', 'down'])}",
        f"link set {dice.choice(ports[:6]).replace('p', 'q')} {dice.choice(['up', 'down'])}",
        f"link set {bond_name} {dice.choice(['up', 'up', 'down'])}",
        f"link set {bond_name} mtu {dice.choice([1280, 1500, 4000, 9000])}",
        f"link set {bond_name} address 52:54:00:{dice.randrange(90):02}:00:01",
        f"link set {bond_name} promisc {dice.choice(['on', 'off'])}",
        f"link set {bond_name} allmulticast {dice.choice(['on', 'off'])}",
        f"link add link {bond_name} name {bond_name}.{port} type vlan id {dice.randrange(1, 9)}",
        f"link del {bond_name}.{port}",
        f"link add link {bond_name} name m{port} type macvlan mode bridge",
        f"link del m{port}",
        f"link set {bond_name} master br0",
        f"link set {bond_name} nomaster",
        f"link set {port} netns far" if port in ports[:6] else "link show",
        f"addr add 10.{90 + bonds.index(bond_name)}.0.{dice.randrange(2, 99)}/24 dev {bond_name}",
        f"addr flush dev {bond_name}",
        f"neigh flush dev {bond_name}",
        "link show",
        f"link del {bond_name}\nlink add {bond_name} type ftbond" if dice.random() < 0.5 else
        "addr show",
    ])


def other_side():
    """A line for ftnl batch: modules, settings, statistics, an interface that comes home."""
    bond_name, module = dice.choice(bonds), dice.choice([10, 11])
    return dice.choice([
        f"ftnl isolate {module}", f"ftnl join {module}", f"ftnl join {module}",
        f"ftnl bond {bond_name} active={dice.choice(ports)}",
        f"ftnl bond {bond_name} primary={dice.choice(ports)} failback={dice.randrange(3)} "
        f"holddown={dice.choice([0, 20, 200])}",
        f"ftnl bond {bond_name} count={dice.randrange(9)} spacing={dice.choice([1, 10, 100])}",
        f"ftnl bond {bond_name} probe={dice.choice([0, 1, 10, 100])}",
        f"ftnl bond {bond_name} same_module={dice.randrange(2)}",
        "ftnl pairs", "ftnl modules", f"ethtool -S {bond_name}", f"ethtool {bond_name}",
        f"ping -c 3 -i 0.01 -W 1 -w 2 -I {bond_name} 10.{90 + bonds.index(bond_name)}.0.1",
        f"ip -n far link set p{dice.randrange(6)} netns 1",
        f"ftnl del {module}", f"ftnl set {module} {BRIDGE[module]}",
        f"ftnl set {module} {BRIDGE[module]}",
    ])


for n, mine in enumerate(bonds):
    put(f"/run/side{n}", "".join(operation(mine) + "\n" for _ in range(OPS // 2)) +
        f"link add whole{n} type bridge\n")
put("/run/side2", "".join(other_side() + "\n" for _ in range(OPS // 2)))
put("/run/side3", f"""
exec 9<> <(:)
nap() {{ read -rt {3 if LONG else 0.8} -u 9; }}
while [ ! -e /run/done ]; do
    for device in /sys/bus/pci/devices/{{{BRIDGE[10]},{BRIDGE[11]}}}/*:00.0; do
        nic=${{device##*/}}
        echo $nic >$device/driver/unbind; nap
        echo $nic >/sys/bus/pci/drivers/e1000e/bind; nap
        echo 1 >$device/remove; nap
        echo 1 >/sys/bus/pci/rescan; nap
        echo round
    done
done
""")
listener = start("ftnl events")
sides = [start(f"{command} >/run/said{n} 2>&1") for n, command in enumerate(
    ("ip -force -batch /run/side0", "ip -force -batch /run/side1", "ftnl batch </run/side2"))]
hot = start("bash /run/side3 2>/dev/null")
for side in sides:
    side.wait(600 + OPS, check=False)
sh("touch /run/done")
for n, end in enumerate(("ip link show whole0", "ip link show whole1", f"exit {sides[2].status}")):
    expect(rc(end) == 0, f"side {n} has given up: {sh(f'tail -n 20 /run/said{n}')}")
hot.wait(120, check=False)
note(f"{OPS + OPS // 2} operations, {len(hot.lines)} removals")
expect(len(hot.lines) > 3, "side 3 has done nothing")
entered = sum("is a port now" in line for line in kmsg())
note(f"ports that entered a bond: {entered}")
expect(entered > OPS // 60, "hardly anything has come about")
expect(listener.alive, "the listener of events has died")
said = sh("ftnl pairs; ip link")

# Whatever the state: everything can be taken down, and nothing holds on to anything.
sh("ip -all netns del; ip link del br0; rmmod ft_bond", timeout=300)
expect(sh("ftnl pairs").strip() == "", f"a pair is left behind: {said}")
listener.kill()
sh("for m in $(ftnl modules | cut -d' ' -f2); do ftnl del $m; done; "
   "! grep -q ^ft_mirror /proc/modules || rmmod ft_mirror; rmmod ft_chipset ft_core", timeout=300)
for module in (10, 11):
    said = sh(f"ip -d link show {nic(module)}")
    expect("SLAVE" not in said and "promiscuity 0" in said and "allmulti 0" in said, said)
