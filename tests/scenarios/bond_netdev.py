"""The bond as a netdev among others: what people put on it and ask of it.

    br0 10.77.0.2   ftb0.5 10.78.0.2
         |            |
        ftb0 ---------'
        /  \\
      10    11 ---- switch ---- peer 10.77.0.1, VLAN 5: 10.78.0.1
"""
from _bond import *

boot()
load()
define()
names = bond()
one, two = names[10], names[11]


def other_port():
    """Makes the other port the active one."""
    sh(f"ftnl bond ftb0 active={two if settings()['active'] == one else one}")


# One address, on the bond and on both ports; another one goes to all of them.
sh("ip link set ftb0 address 52:54:00:00:00:77")
for name in ("ftb0", one, two):
    expect("link/ether 52:54:00:00:00:77" in sh(f"ip link show {name}"), f"address of {name}")
peer("ping -c 2 -i 0.2 -W 2 10.77.0.2")

# MTU, both ways.
for mtu in (9000, 1400, 1500):
    sh(f"ip link set ftb0 mtu {mtu}")
    for name in ("ftb0", one, two):
        expect(f" mtu {mtu} " in sh(f"ip link show {name}"), f"MTU of {name} is not {mtu}")
expect(rc("ip link set ftb0 mtu 60000") != 0, "an MTU beyond the ports' was accepted")
expect(" mtu 1500 " in sh(f"ip link show {one}"), "half an MTU was set")

# Ports have no addresses of their own.
for name in (one, two):
    expect("inet6" not in sh(f"ip addr show {name}"), f"{name} has got an IPv6 address")

# Promiscuous, allmulti and multicast go to both ports.
sh("ip link set ftb0 promisc on; ip link set ftb0 allmulticast on; "
   "ip maddr add 01:00:5e:01:02:03 dev ftb0")
for name in (one, two):
    said = sh(f"ip -d link show {name}; ip maddr show dev {name}")
    expect("promiscuity 1" in said and "allmulti 1" in said, said)
    expect("01:00:5e:01:02:03" in said, said)
sh("ip link set ftb0 promisc off; ip link set ftb0 allmulticast off")
expect("promiscuity 0" in sh(f"ip -d link show {one}"), "a port stayed promiscuous")

# VLAN: filters on both ports, works after a switch and after a port has been replaced.
sh("ip link add link ftb0 name ftb0.5 type vlan id 5; ip addr add 10.78.0.2/24 dev ftb0.5; "
   "ip link set ftb0.5 up")
for turn in range(3):
    ask_vlan(5, "10.78.0.2", "10.78.0.1")
    other_port()
sh(f"ip link set {two} nomaster; sleep 0.2; ip link set {two} master ftb0")
state("DUPLEX")
sh(f"ftnl bond ftb0 active={two}")
ask_vlan(5, "10.78.0.2", "10.78.0.1")

# A bridge above, and somebody in it who is silent after a switch: the network knows at once.
sh("ip netns add vm; ip link add vm0 type veth peer name eth0 netns vm; "
   "ip link add br0 type bridge; ip link set vm0 master br0; ip link set vm0 up; "
   "ip -n vm link set eth0 up; ip -n vm addr add 10.77.0.9/24 dev eth0; "
   "ip addr flush dev ftb0; ip link set ftb0 master br0; "
   "ip link set br0 up; ip addr add 10.77.0.2/24 dev br0")
peer("ping -c 2 -i 0.2 -W 10 10.77.0.9")
peer("ping -c 2 -i 0.2 -W 10 10.77.0.2")
# Longer than both ports take unicast for: then only what the network has learned counts.
for turn in range(2):
    other_port()
    sh("sleep 1.3")
    peer("ping -c 1 -W 1 10.77.0.9")
    peer("ping -c 1 -W 1 10.77.0.2")
mac = sh("ip netns exec vm cat /sys/class/net/eth0/address").strip()
expect("dev vm0" in sh(f"bridge fdb show br br0 | grep {mac}"), "the bridge has lost its own guest")
sh("ip link set ftb0 nomaster; ip link del br0; ip netns del vm; ip addr add 10.77.0.2/24 dev ftb0")

# macvlan above.
sh("ip netns add mac; ip link add link ftb0 name mac0 netns mac type macvlan mode bridge; "
   "ip -n mac addr add 10.77.0.8/24 dev mac0; ip -n mac link set mac0 up")
peer("ping -c 2 -i 0.2 -W 10 10.77.0.8")
other_port()
sh("sleep 1.3")
peer("ping -c 1 -W 1 10.77.0.8")
sh("ip netns del mac")

# ethtool: link settings, features, statistics by name.
said = sh("ethtool ftb0")
expect("Speed: 1000Mb/s" in said and "Link detected: yes" in said, said)
expect("driver: ft_bond" in sh("ethtool -i ftb0"), "driver name")
expect("tx-checksumming: on" in sh("ethtool -k ftb0"), "features")
seen = stats()
for name in ("switches", "last_switch_reason", "last_switch_time_ns", "port0_rx_packets",
             "port0_tx_packets", "port1_rx_standby_dropped", "port1_tx_dropped"):
    expect(name in seen, f"no statistic {name}")
expect(seen["switches"] == int(settings()["switches"]) > 0, f"{seen}")
total = int(sh("cat /sys/class/net/ftb0/statistics/tx_packets"))
expect(total >= seen["port0_tx_packets"] + seen["port1_tx_packets"] > 20, "packets are not counted")

# A port that is moved to another network namespace leaves the bond, and is what it was.
sh(f"ip netns add far; ip link set {two} netns far")
expect("[- MISSING OPERATOR]" in pair(), pair())
said = sh(f"ip -n far -d link show {two}")
expect("link/ether 52:54:00:00:00:11" in said and "SLAVE" not in said, said)
sh(f"ip -n far link set {two} netns 1; ip netns del far; ip link set {two} master ftb0")
state("DUPLEX")

# Nobody holds on to a port that left with another MTU than it came with.
sh("ip link add v0 type veth peer name v1; ip link add ftb1 type ftbond; ip link set ftb1 mtu 1400; "
   "ip link set v0 master ftb1; ip netns add far; ip link set v0 netns far")
expect(" mtu 1500 " in sh("ip -n far link show v0"), "the MTU was not given back")
sh("timeout 30 ip -n far link del v0; ip netns del far; ip link del ftb1")

# Renaming a port and the bond; moving to another network namespace is refused.
sh(f"ip link set ftb0 down; ip link set ftb0 name lan0; ip link set {one} down; "
   f"ip link set {one} name left0; ip link set left0 up; ip link set lan0 up")
wait_for("ftnl pair bond lan0 | grep -q 'lan0 DUPLEX'")
said = sh("ftnl pair bond lan0")
expect("[left0 in 10 " in said, said)
expect(rc("ftnl pair bond ftb0") == 1, "the old name is still there")
sh("ip netns add far")
expect(rc("ip link set lan0 netns far") != 0, "the bond left its network namespace")
sh("ip netns del far")

# Unloading takes everything down, ports are what they were.
sh("rmmod ft_bond")
for name, module in (("left0", 10), (two, 11)):
    said = sh(f"ip -d link show {name}")
    expect(f"link/ether 52:54:00:00:00:{module}" in said and "SLAVE" not in said, said)
expect(rc("ip link show lan0") != 0, "the bond has outlived its kernel module")
expect(sh("ftnl pairs").strip() == "", "a pair has outlived its kernel module")
