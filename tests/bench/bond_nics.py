"""Faults of real NICs: modules that are pulled, a NIC removed, a carrier lost while somebody
holds the RTNL lock. The peer is outside of the guest.
"""
import re

from _bench import Results, wanted
from _segment import *
from _bond import define, nic  # where it is, _segment knows

results = Results("bond")


def hold_rtnl():
    """Holds the RTNL lock for half a second: a self-test of a NIC that has nothing to do with it
    sleeps under it, until a signal comes."""
    spare = sh("grep -l 52:54:00:00:00:99 /sys/class/net/*/address").split("/")[4]
    start(f"timeout 0.5 ethtool -t {spare} online")


def faults(name, tool):
    """A bond over real NICs, with a flow each way; returns the active port, its module, the jobs."""
    names = {module: nic(module) for module in (10, 11)}
    sh("\n".join(["set -e"] + make(name, tuple(names.values())) + ["sleep 2"]))
    active = sh(CONTENDERS[name][1]).strip()
    ends = ((start, "ftflow", "10.77.0.1"), (peer_start, tool, "10.77.0.2"))
    jobs = [run(f"{path} receive 7000") for run, path, _ in ends]
    sh("sleep 0.3")
    jobs += [run(f"{path} send {to} 7000 1000 3600") for run, path, to in ends]
    sh("sleep 0.5")
    return active, 10 if active == names[10] else 11, jobs


def seen_lost(tool):
    """What either way has lost since the last time."""
    lost = []
    for said in (sh("ftflow mark 7000"), peer(f"{tool} mark 7000")):
        row = {n: float(v) for n, v in re.findall(r"(\w+) ([\d.]+)", said)}
        expect(row["received"] > 0, f"no flow: {said}")
        lost.append(row["lost"])
    return lost


METHOD = "two CPUs, 1,000 packets/s each way, the worse way"
# figure: what happens to the active port of a module, and what undoes it
FAULTS = {
    "bond.pull.lost.torn": (lambda active, module: pull(module),
                            lambda module: insert(module)),
    "bond.pull.lost.sysfs": (lambda active, module:
                             sh(f"echo 1 >/sys/class/net/{active}/device/remove"),
                             lambda module: sh("echo 1 >/sys/bus/pci/rescan")),
    "bond.rtnl.lost": (lambda active, module: (hold_rtnl(), sh("sleep 0.1"), link(module, False)),
                       lambda module: link(module, True)),
}


def measure(figure, name, tool):
    """One fault of a new bond."""
    fault, undo = FAULTS[figure]
    active, module, jobs = faults(name, tool)
    seen_lost(tool)
    sh("sleep 1")
    quiet = seen_lost(tool)
    fault(active, module)
    sh("sleep 2")
    lost = seen_lost(tool)
    results.add(figure, name, max(lost), "packets",
                f"{METHOD}; from it {lost[1]:.0f}, to it {lost[0]:.0f}; "
                f"in a second before {max(quiet):.0f}")
    for job in jobs:
        job.kill()
    sh(unmake(name))
    undo(module)
    sh("sleep 1")


chosen = list(filter(wanted, FAULTS))
if chosen:
    boot(modules=(10, 11), layers=("bench",), extra=("-device", "e1000e,mac=52:54:00:00:00:99"))
    prepare()
    define()
    for name in CONTENDERS:
        for figure in chosen:
            measure(figure, name, program("ftflow"))
        pulled = [results.rows[figure, name][0] for figure in chosen if "pull" in figure]
        if pulled:
            results.add("bond.pull.lost", name, max(pulled), "packets", METHOD)
results.table()
