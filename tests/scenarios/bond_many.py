"""64 bonds leave a module in one call, and have all switched when it returns.

    ftb0 ... ftb63    each over a VLAN of either NIC, which goes when its NIC goes
      |  `----.
     10: NIC   11: NIC

The clock counts instructions, so that the time is that of the code and not of this machine.
"""
from _bond import *

BONDS = 64

boot(icount=True)
load()
define()
names = {module: nic(module) for module in (10, 11)}
sh("modprobe 8021q; for nic in " + " ".join(names.values()) + "; do ip link set $nic up; done")
put("/run/bonds", "".join(
    f"link add ftb{n} type ftbond\n"
    + "".join(f"link add link {names[m]} name m{m}n{n} type vlan id {n + 1}\n"
              f"link set m{m}n{n} master ftb{n}\n" for m in (10, 11))
    + f"link set ftb{n} up\n" for n in range(BONDS)))
sh("ip -batch /run/bonds", 300)
wait_for(f"[ $(ftnl pairs | grep -c ' DUPLEX ') = {BONDS} ]")

# A VLAN is in the module of its NIC: two of one NIC are refused.
sh(f"ip link add ftb99 type ftbond; ip link add link {names[10]} name x0 type vlan id 200; "
   f"ip link add link {names[10]} name x1 type vlan id 201; ip link set x0 master ftb99")
refused("ip link set x1 master ftb99", "the other port is in the same module")
sh("ip link del ftb99; ip link del x0; ip link del x1")

for module in (10, 11, 10):
    # The guest has one CPU: who reads the events of the bonds shall not have it first.
    said = sh(f"chrt -f 1 ftnl isolate {module}; ftnl pairs").splitlines()
    took = int(re.search(r"took (\d+) us", said[0]).group(1))
    other = 21 - module
    switched = [line for line in said[1:]
                if f"[m{module}n" in line and f" in {module} FAULTY ISOLATED]" in line and
                f" in {other} ACTIVE NONE]" in line]
    expect(len(switched) == BONDS, f"only {len(switched)} bonds have left module {module}")
    note(f"{BONDS} bonds left module {module} in {took / 1000:.2f} ms")
    expect(took < 10000, f"the call took {took} us")
    sh(f"ftnl join {module}; sleep 1")  # the announcements of this one are not the next one's cost
    wait_for(f"[ $(ftnl pairs | grep -c ' DUPLEX ') = {BONDS} ]")

# Pulled, too: every bond is told of it, and every VLAN goes.
pull(10)
wait_for(f"[ $(ftnl pairs | grep -c ' SIMPLEX ') = {BONDS} ]")
wait_for(lambda: sh("ftnl pairs").count("MISSING REMOVED") == BONDS)
sh("rmmod ft_bond", 120)
