"""XDP programs on the bond: native ones run in both ports' drivers, generic ones on the bond.

      host           net
       ftb0 -- a0 -- a1 [bridge] p 10.77.0.1
          `--- b0 -- b1 [=]
       z0 --------- z1              z0 redirects to ftb0
"""
from _bond import *

boot(modules=())
load()
program("ftxdp")
sh("modprobe veth; modprobe bridge; ip netns add net; ip -n net link add p type bridge; "
   "for s in a b z; do ip link add ${s}0 type veth peer name ${s}1 netns net; "
   "ip -n net link set ${s}1 up; ip netns exec net ethtool -K ${s}1 gro on; done; "
   "ip -n net link set a1 master p; ip -n net link set b1 master p; "
   "ip -n net addr add 10.77.0.1/24 dev p; ip -n net link set p up; ip link set z0 up; "
   "ip link add ftb0 type ftbond; ip link set a0 master ftb0; ip link set b0 master ftb0; "
   "ip addr add 10.77.0.2/24 dev ftb0; ip link set ftb0 up")
state("DUPLEX")


def answered():
    """Is the other side there?"""
    return rc("ping -qc 3 -i 0.1 -w 1 10.77.0.1") == 0


def switch():
    """To the other port."""
    sh(f"ftnl bond ftb0 active={'b0' if settings()['active'] == 'a0' else 'a0'}")


wait_for(answered)

# Generic and native: each drops all, through either port, and lets all through again.
for mode, told in (("native", " xdp "), ("generic", " xdpgeneric ")):
    for _ in range(2):
        sh(f"ftxdp ftb0 {mode} drop")
        expect(told in sh("ip link show ftb0"), f"{mode}: not told so")
        expect(not answered(), f"{mode}: the program does not run on {settings()['active']}")
        sh(f"ftxdp ftb0 {mode} pass")
        expect(answered(), f"{mode}: nothing comes through")
        switch()
    sh(f"ftxdp ftb0 {mode} off")
    expect(answered(), f"{mode}: it cannot be taken off")

# A port that comes in runs it, one that leaves does no more.
sh("ip link set b0 nomaster; ftxdp ftb0 native drop; ip link set b0 master ftb0")
sh("ftnl bond ftb0 active=b0")
expect(not answered(), "a new port does not run the bond's program")
sh("ip link set b0 nomaster; ip link set ftb0 down; ip addr add 10.77.0.3/24 dev b0; "
   "ip link set b0 up; ip route add 10.77.0.1 dev b0")
wait_for(answered)
sh("ip route del 10.77.0.1; ip addr flush dev b0; ip link set ftb0 up")

# Refused with a reason, and nothing is changed: a port that has no XDP, one with its own program.
sh("ip link add d0 type dummy")
refused("ip link set d0 master ftb0", "cannot run XDP programs")
sh("ftxdp ftb0 native off; ip link set d0 master ftb0")
refused("ftxdp ftb0 native drop", "cannot run XDP programs")
sh("ip link set d0 nomaster; ip link del d0; ftxdp b0 native pass; ip link set b0 master ftb0")
refused("ftxdp ftb0 native drop", "XDP program of its own")
sh("ftxdp b0 native off")
refused("ftxdp a0 native redirect ftb0 && ftxdp ftb0 native pass", "XDP program of its own")
sh("ftxdp a0 native off")
state("DUPLEX")
wait_for(answered)

# Frames that are redirected to the bond leave through the active port.
sh("ftxdp z0 native redirect ftb0; ip -n net addr add 198.18.0.2/24 dev z1")
for _ in range(2):
    at = settings()["active"].replace("0", "1")
    count = f"ip netns exec net cat /sys/class/net/{at}/statistics/rx_packets"
    before = int(sh(count))
    sh("ip netns exec net ping -qb -c 30 -i 0.01 -w 1 198.18.0.255", check=False)
    expect(int(sh(count)) >= before + 30, f"nothing was redirected to {at}")
    switch()

# Removed with the program on: the ports are free.
sh("ftxdp ftb0 native pass; ip link del ftb0; ftxdp a0 native pass; ftxdp a0 native off")
sh("rmmod ft_bond")
