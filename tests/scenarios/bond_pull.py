"""The module of the active port is torn out under request and answer, and comes back.

    server  ftb0 10.77.0.2        switch        peer 10.77.0.1
      10: NIC  active   - - x - - - o-------------o  500 requests/s
      11: NIC  standby  -----------'

No request takes more than one retransmission.  A NIC that is put back is
enslaved by whoever watches udev; here the scenario does that.
"""
from _bond import *

boot()
load()
define()
names = bond()
pulls = [10, 11, 10]
job = traffic()
for module in pulls:
    other = 21 - module
    pull(module)
    said = state("SIMPLEX")
    expect(f"[{names[other]} in {other} ACTIVE NONE]" in said, said)
    said = state("SIMPLEX REMOVED")
    wait_for(lambda: "[- MISSING REMOVED]" in pair())
    expect(settings()["last"] == f"{names[module]} -> {names[other]} REMOVED", settings()["last"])
    insert(module)
    names[module] = nic(module)
    sh(f"ip link set {names[module]} master ftb0")
    said = state("DUPLEX")
    expect(f"[{names[module]} in {module} STANDBY NONE]" in said, said)
    expect(f"[{names[other]} in {other} ACTIVE NONE]" in said, said)
expect(settings()["switches"] == str(len(pulls)), f"switches: {settings()}")
job.kill(2)
seen = answers(job)
note(f"{len(pulls)} pulls: {seen}")
expect(seen["lost"] == 0, f"requests were lost: {seen}")
expect(seen["packets_lost"] <= len(pulls), f"more than one packet lost at a pull: {seen}")

# Orderly: isolate, pull, put back, join, enslave.
job = traffic()
sh("ftnl isolate 11; ftnl isolate 10", check=False)
expect("ftb0 BROKEN ISOLATED" in pair(), pair())
sh("ftnl join 11; ftnl join 10")
state("DUPLEX")
job.kill(2)
answers(job)

# Removed through sysfs, and the driver unbound from a NIC that stays.
active = 10 if settings()["active"] == names[10] else 11
job = traffic()
device = sh(f"basename $(readlink /sys/class/net/{names[active]}/device)").strip()
sh(f"echo {device} >/sys/bus/pci/drivers/e1000e/unbind")
said = state("SIMPLEX REMOVED")
sh(f"echo {device} >/sys/bus/pci/drivers/e1000e/bind")
names[active] = nic(active)
sh(f"ip link set {names[active]} master ftb0")
state("DUPLEX")
job.kill(2)
seen = answers(job)
note(f"driver unbound: {seen}")
expect(seen["lost"] == 0 and seen["packets_lost"] <= 1, f"unbinding the driver: {seen}")
