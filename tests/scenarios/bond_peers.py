"""What Linux's own tests ask of bonding and team, asked of ftbond (docs/bond.md has the list).

      host                     net
       ftb0 -- a0 -- a1 [=] ------ p 10.77.0.1
          `--- b0 -- b1 [=]
"""
from _bond import *

boot(modules=())
load()
sh("modprobe veth; modprobe bridge; modprobe macvlan; modprobe 8021q; "
   "modprobe tun; ip netns add net; ip -n net link add p type bridge; "
   "for s in a b; do ip link add ${s}0 type veth peer name ${s}1 netns net; "
   "ip -n net link set ${s}1 master p up; done; "
   "ip -n net addr add 10.77.0.1/24 dev p; ip -n net link set p up")


def make(name="ftb0", *ports):
    """A bond over ports, up."""
    sh(f"ip link add {name} type ftbond; "
       + "".join(f"ip link set {port} master {name}; " for port in ports or ("a0", "b0"))
       + f"ip link set {name} up")


def carrier(port, up):
    """Of one of the bond's ports."""
    sh(f"ip -n net link set {port.replace('0', '1')} {'up' if up else 'down'}")


def active(wanted):
    """Waits until a port carries the traffic."""
    wait_for(lambda: settings().get("active") == wanted)


def answers_from(prefix=""):
    """The other side must answer, soon."""
    wait_for(f"{prefix} ping -qc 1 -W 1 10.77.0.1")


# Addresses that come from above are on both ports; they go with the port, also while the bond is
# down, and with what brought them.
make()
own = "02:00:00:00:00:aa"
sh(f"ip link add m0 link ftb0 address {own} type macvlan mode bridge; ip link set m0 up")
for port in ("a0", "b0"):
    wait_for(f"bridge fdb show dev {port} | grep -q {own}")
sh("ip link set a0 nomaster")
expect(own not in sh("bridge fdb show dev a0"), "a released port keeps an address from above")
sh("ip link set ftb0 down; ip link set b0 nomaster")
expect(own not in sh("bridge fdb show dev b0"), "released from a bond that is down it keeps one")
sh("ip link set a0 master ftb0; ip link set b0 master ftb0; ip link set ftb0 up")
for port in ("a0", "b0"):
    wait_for(f"bridge fdb show dev {port} | grep -q {own}")
sh("ip link del m0")
expect(own not in sh("bridge fdb show dev a0; bridge fdb show dev b0"), "an address is left over")
sh("ip link set ftb0 down; ip link set a0 nomaster; ip link del ftb0")

# Only Ethernet, no bond, nothing that is built on the bond itself.
make()
sh("ip tuntap add dev tun0 mode tun; ip link add v5 link ftb0 type vlan id 5")
sh("ip link add ftb1 type ftbond")
refused("ip link set tun0 master ftb1", "not an Ethernet interface")
refused("ip link set ftb0 master ftb1", "cannot be a port of another bond")
sh("ip link set b0 nomaster")
refused("ip link set v5 master ftb0", "built on the bond itself")
sh("ip link set b0 master ftb0; ip link del v5; ip link del ftb1; ip link del tun0")

# Primary and failback, set while ports come and go; the primary is a place, and outlives its port.
sh("ip addr add 10.77.0.2/24 dev ftb0")
sh("ftnl bond ftb0 primary=b0 failback=2")
active("b0")
carrier("b0", False)
active("a0")
answers_from()
carrier("b0", True)
active("b0")
sh("ftnl bond ftb0 failback=0")
carrier("b0", False)
active("a0")
carrier("b0", True)
sh("sleep 0.3")
expect(settings()["active"] == "a0", "returned to the primary, though never was said")
sh("ftnl bond ftb0 failback=1; sleep 0.2")
expect(settings()["active"] == "a0", "the primary is not faster, and was returned to")
sh("ftnl bond ftb0 primary=none failback=2 active=b0; ftnl bond ftb0 active=a0; sleep 0.2")
expect(settings()["active"] == "a0", "returned to a primary that is none")

# A hold-down delays the return, and never the first port that works.
sh("ftnl bond ftb0 primary=b0 failback=0 holddown=1500; ftnl bond ftb0 active=a0; "
   "ftnl bond ftb0 failback=2")
active("b0")
carrier("b0", False)
active("a0")
carrier("b0", True)
sh("sleep 0.5")
expect(settings()["active"] == "a0", "returned within the hold-down")
active("b0")
sh("ftnl bond ftb0 holddown=3600000")
for port in ("a0", "b0"):
    carrier(port, False)
wait_for("! ip link show ftb0 | grep -q LOWER_UP")
carrier("a0", True)
answers_from()
expect(settings()["active"] == "a0", "waits, with nothing else that works")
sh("ftnl bond ftb0 primary=none failback=0 holddown=0")
carrier("b0", True)

# One port after the other fails and returns: it always answers.
for _ in range(3):
    for port in ("a0", "b0"):
        carrier(port, False)
        answers_from()
        carrier(port, True)
        wait_for(f"ip link show {port} | grep -q LOWER_UP")

# macvlans above, in namespaces of their own, on either port.
sh("for n in one two; do ip netns add $n; done")
for mode in ("bridge", "private", "vepa"):
    for number, name in enumerate(("one", "two"), 3):
        sh(f"ip link add x{number} link ftb0 type macvlan mode {mode}; "
           f"ip link set x{number} netns {name}; ip -n {name} link set x{number} up; "
           f"ip -n {name} addr add 10.77.0.{number}/24 dev x{number}")
    for port in ("b0", "a0"):
        sh(f"ftnl bond ftb0 active={port}")
        for name in ("one", "two"):
            answers_from(f"ip netns exec {name}")
    if mode == "bridge":
        wait_for("ip netns exec one ping -qc 1 -W 1 10.77.0.4")
    sh("ip -n one link del x3; ip -n two link del x4")

# Promiscuous and allmulti follow the bond, and end with it.
sh("ip link set ftb0 promisc on; ip link set ftb0 allmulticast on; ip link set b0 nomaster")
said = sh("ip -d link show b0")
expect("promiscuity 0" in said and "allmulti 0" in said, said)
sh("ip link set b0 master ftb0; ip link del ftb0")
said = sh("ip -d link show a0; ip -d link show b0")
expect(said.count("promiscuity 0") == 2 and said.count("allmulti 0") == 2, said)

# A namespace dies with bond, ports and what is above them in it.
for _ in range(5):
    sh("ip netns add mortal; ip -n mortal link add ftb7 type ftbond; "
       "ip -n mortal link add q0 type veth peer name q1; ip -n mortal link set q0 master ftb7; "
       "ip -n mortal link set ftb7 up; ip -n mortal link add v9 link ftb7 type vlan id 9; "
       "ip -n mortal link add m9 link v9 type macvlan; ip -n mortal addr add 10.9.0.1/24 dev v9; "
       "ip netns del mortal")
wait_for("! ftnl pairs | grep -q ftb7")
sh("ip -all netns del; rmmod ft_bond", 120)
