"""ft_core: modules, isolation of a whole module in one call, and one event stream.

    10: NIC --+-- ftb0          64 bonds over veth stand by, to see what many cost
    11: NIC --'
"""
from _bond import *

boot()
load()

# Bad input.
refused("ftnl set 10", "a module needs at least one bridge")
for bad in ("00:04.0", "0000:00:04.8", "0000:00:20.0", "0000:00:04.0x", "bridge", "0x0:0:4.0"):
    refused(f"ftnl set 10 {bad}", "not the address of a bridge")
refused(f"ftnl set 10 {BRIDGE[10]} {BRIDGE[10]}", "the same bridge twice")
refused("ftnl set 10 0000:00:00.0", "not a PCI bridge")
refused(f"ftnl set 4294967295 {BRIDGE[10]}", "this number means no module")
for verb in ("isolate", "join", "del", "module"):
    refused(f"ftnl {verb} 10", "no module has this number")
refused("ftnl raw 1", "its number is missing")
refused("ftnl pair bond ftb0", "no pair of this type has this name")
expect(sh("ftnl modules").strip() == "", "a refused module is there")
define()
refused(f"ftnl set 12 {BRIDGE[10]}", "belongs to another module")
sh("ftnl set 12 0000:7f:00.0; ftnl del 12")  # a bridge need not be there

# Everybody may read, nobody but root may change.
nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --"
expect(sh(f"{nobody} ftnl modules").count("ONLINE") == 2, "reading is open to all")
for verb in ("isolate 10", "join 10", "del 10", f"set 10 {BRIDGE[10]}"):
    refused(f"{nobody} ftnl {verb}", "Operation not permitted")
expect(rc("ip netns add far; ip netns exec far ftnl modules") != 0, "the family is in every netns")

# Isolation: the bond leaves the module before the call returns.
names = bond()
listener = start("ftnl events")
listener.wait_line("listening")
sh(f"ftnl bond ftb0 active={names[10]}")
said = sh("ftnl isolate 10; ftnl pair bond ftb0")
expect(f"ftb0 SIMPLEX ISOLATED [{names[10]} in 10 FAULTY ISOLATED] "
       f"[{names[11]} in 11 ACTIVE NONE]" in said, said)
before = int(sh(f"cat /sys/class/net/{names[10]}/statistics/tx_packets"))
peer("ping -c 5 -i 0.2 -W 2 10.77.0.2")
sent = int(sh(f"cat /sys/class/net/{names[10]}/statistics/tx_packets")) - before
expect(sent == 0, f"{sent} packets were sent to an isolated module")
refused(f"ftnl bond ftb0 active={names[10]}", "this port does not work now")
sh("ftnl isolate 10")  # again changes nothing
refused("ftnl del 10", "a pair has a member in this module")
# Down and up again does not bring it back in, nor does the other port's failure.
sh(f"ip link set {names[10]} down; ip link set {names[10]} up; sleep 0.5")
link(11, False)
said = state("BROKEN")
expect(f"[{names[10]} in 10 FAULTY ISOLATED]" in said, said)
link(11, True)
state("SIMPLEX")
sh("ftnl join 10; ftnl join 10")
state("DUPLEX")

# Defined again with the same bridges: nothing happens. Grown while isolated: cut as well.
sh("sleep 0.2")
told = len(listener.lines)
sh(f"ftnl set 10 {BRIDGE[10]}; sleep 0.2")
expect(len(listener.lines) == told, "an event although nothing has changed")
sh(f"ip link set {names[10]} nomaster; ftnl del 10; ftnl set 13 0000:7f:00.0; ftnl isolate 13; "
   f"ip link set {names[10]} master ftb0")
state("DUPLEX")
sh(f"ftnl set 13 0000:7f:00.0 {BRIDGE[10]}")
said = pair()
expect(f"[{names[10]} in 13 FAULTY ISOLATED]" in said, said)
sh("ftnl join 13")
state("DUPLEX")

# The event stream: counted without a gap, in order, and the uevents beside it.
sh("sleep 0.2")
listener.kill()
lines = [line.split(" ", 2) for _, line in listener.lines if line[0].isdigit()]
numbers = [int(line[0]) for line in lines]
expect(numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"a gap: {numbers}")
delays = sorted(int(line[1]) for line in lines)
note(f"{len(lines)} events, heard after {delays[len(delays) // 2]} us (median), {delays[-1]} us")
texts = [line[2] for line in lines]
for wanted in ("module 10 OFFLINE ISOLATED", "module 10 ONLINE NONE", "module 10 gone",
               "BOND ftb0 SIMPLEX ISOLATED", "BOND ftb0 DUPLEX NONE"):
    expect(any(text.startswith(wanted) for text in texts), f"no event {wanted}: {texts}")

for wanted in (("FT_PAIR=ftb0", "FT_TYPE=BOND", "FT_STATE=SIMPLEX", "FT_REASON=ISOLATED"),
               ("FT_MODULE=10", "FT_STATE=OFFLINE", "FT_REASON=ISOLATED")):
    expect(any(all(part in text for part in wanted) for _, text in uevents()),
           f"no uevent {wanted}")

# Many: one call, and all have left.
MANY = 64
sh("ip link del ftb0; ftnl del 13; ftnl set 10 " + BRIDGE[10])
script = ["set -e"]
for n in range(MANY):
    script.append(f"ip link add many{n} type ftbond")
sh("\n".join(script), timeout=300)
expect(sh("ftnl pairs").count("BOND many") == MANY, "a dump of many pairs is not whole")
sh("! grep -q ^ft_mirror /proc/modules || rmmod ft_mirror; "
   "rmmod ft_bond && rmmod ft_chipset ft_core || { lsmod; false; }", timeout=300)
