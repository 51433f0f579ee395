"""Each bad input is refused, says what is wrong and what to do, and leaves nothing behind.

    ftb0 -- 10: NIC      veth, bridge, VLAN, macvlan, loopback, ...
         `- 11: NIC      on the side
"""
from _bond import *

boot()
load()
define()
one, two = nic(10), nic(11)


def refuse(name, text):
    """Refused as a port, and the interface is as it was before."""
    before = sh(f"ip -d link show {name} | grep -v 'state '")
    refused(f"ip link set {name} master ftb0", text)
    expect(sh(f"ip -d link show {name} | grep -v 'state '") == before, f"{name} is not as before")


sh("ip link add ftb0 type ftbond")
refuse("lo", "loopback interface cannot be a port")
sh("ip link add can0 type vcan")
refuse("can0", "not an Ethernet interface")
sh("modprobe bonding max_bonds=0; ip link add bond0 type bond; ip link add ftb1 type ftbond")
refuse("bond0", "a bond cannot be a port of another bond")
refuse("ftb1", "a bond cannot be a port of another bond")
sh("ip link add veth0 type veth peer name veth1; ip link add br0 type bridge")
sh("ip link add link veth0 name veth0.7 type vlan id 7")
refuse("veth0", "there are VLANs on this interface")
sh("ip link del veth0.7; ip link add link veth0 name mac0 type macvlan")
refuse("veth0", "takes what this interface receives")
sh("ip link del mac0; ip link add link ftb0 name ftb0.9 type vlan id 9")
refuse("ftb0.9", "built on the bond itself")
sh("ip link del ftb0.9")

# Modules: isolated; both ports in one; unless allowed.
sh("ftnl isolate 10")
refuse(one, "module of this interface is isolated")
sh("ftnl join 10")
sh(f"ftnl del 11; ftnl set 10 {BRIDGE[10]} {BRIDGE[11]}")
sh(f"ip link set {one} master ftb0")
refuse(two, "the other port is in the same module")
expect("[- MISSING NEVER_THERE]" in pair(), pair())
sh("ftnl bond ftb0 same_module=1")
sh(f"ip link set {two} master ftb0")
refused("ftnl bond ftb0 same_module=0", "both ports are in one module; take one out first")
sh(f"ip link set {two} nomaster; ftnl bond ftb0 same_module=0")
sh(f"ftnl set 10 {BRIDGE[10]}; ftnl set 11 {BRIDGE[11]}")
sh(f"ip link set {two} master ftb0")

# Two ports are all.
refuse("veth0", "has exactly two ports")
refused(f"ip link set {one} mtu 1400", "busy")
expect(f"{one}: a port has the MTU of its bond; change it there" in sh("dmesg"), "no word of why")
refused(f"ip link set {one} address 02:00:00:00:00:01", "a port has the address of its bond")

# Settings.
refused("ftnl bond ftb0 active=veth0", "not a port of the bond")
refused("ftnl bond ftb0 primary=veth0", "not a port of the bond")
refused("ftnl bond ftb0 failback=3", "ERROR")
refused("ftnl bond ftb0 holddown=3600001", "at most one hour")
refused("ftnl bond ftb0 count=256", "ERROR")
refused("ftnl bond ftb0 spacing=0", "ERROR")
refused("ftnl bond ftb0 switches=0", "ERROR")
refused(f"ftnl new ftb2 active={one}", "a new bond has no ports yet")
refused("ip link show ftb2", "does not exist")
before = settings()
refused(f"ftnl bond ftb0 count=9 primary={one} active=veth0", "not a port of the bond")
expect(settings() == before, f"half of a refused request was carried out: {settings()}")
sh("ip link set ftb0 up")
state("DUPLEX")
other = two if settings()["active"] == one else one
sh(f"ip link set {other} down")
refused(f"ftnl bond ftb0 active={other}", "this port does not work now")

# A name that a bond in another network namespace has.
sh("ip netns add far")
refused("ip -n far link add ftb0 type ftbond", "another bond has this name")
refused("ip -n far link show ftb0", "does not exist")
sh("ip -n far link add ftb3 type ftbond")
refused("ip -n far link set ftb3 name ftb0", "exists")
expect("ftb3" in sh("ip -n far link show ftb3"), "the old name has not stayed")
sh("ip netns del far")
wait_for("! ftnl pair bond ftb3")

# Released, the ports are what they were.
sh("ip link del ftb0; ip link del ftb1; ip link del bond0")
for name, mac in ((one, "10"), (two, "11")):
    link_now = sh(f"ip -d link show {name}")
    expect(f"link/ether 52:54:00:00:00:{mac}" in link_now and "SLAVE" not in link_now, link_now)
