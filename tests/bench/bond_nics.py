"""Faults of real NICs: modules that are pulled, a NIC removed, a carrier lost while somebody
holds the RTNL lock. The far ends of their cables are in the same guest.
"""
import os

from _bench import Results, wanted
from _segment import *
from _bond import define, nic  # where it is, _segment knows

TIMES = int(os.environ.get("TIMES", "3"))
METHOD = f"icount, 1,000 packets/s each way, the worse way, worst of {TIMES}"
SPARE = "52:54:00:00:00:99"
results = Results("bond")


def unplugged(module):
    """Its cable is pulled out while the RTNL lock is held for half a second: a self-test of a NIC
    that has nothing to do with it sleeps under the lock, until a signal comes."""
    spare = sh(f"grep -l {SPARE} /sys/class/net/*/address").split("/")[4]
    test = start(f"timeout 0.5 ethtool -t {spare} online; cat /proc/uptime")
    sh("sleep 0.1")
    link(module, False)
    down = float(sh("cat /proc/uptime").split()[0])
    test.wait(check=False)
    expect(down < float(test.text.split()[-2]), "the lock was free before the cable was out")


# figure: the NICs' model, what happens to one, what undoes it. A carrier's loss is measured on one
# whose driver tells of it when its interrupt comes: e1000e waits for two ticks of its watchdog, and
# what is lost in those 8 ms no bond can know of.
FAULTS = {
    "bond.pull.lost.torn": ("e1000e", pull, insert),
    "bond.pull.lost.sysfs": ("e1000e",
                             lambda module: sh(f"echo 1 >/sys/class/net/{nic(module)}/device/remove"),
                             lambda module: sh("echo 1 >/sys/bus/pci/rescan")),
    "bond.rtnl.lost": ("virtio-net-pci", unplugged, lambda module: link(module, True)),
}


def faulty(figure, name):
    """One fault of a new bond's active port; what either way has lost."""
    _, fault, undo = FAULTS[figure]
    names = {nic(module): module for module in (10, 11)}
    in_host(make(name, tuple(names)))
    for port in names:
        wait_for(f"grep -q 1 /sys/class/net/{port}/carrier")
    wait_for(CONTENDERS[name][1] + " | grep -q .")
    sh("sleep 1")
    module = names[sh(CONTENDERS[name][1]).strip()]
    flows = Flows(rate=1000)
    sh("sleep 1")
    quiet = flows.mark()
    expect(all(row["received"] and not row["lost"] for row in quiet.values()), f"no flow: {quiet}")
    fault(module)
    sh("sleep 2")
    lost = {way: row["lost"] for way, row in flows.mark().items()}
    flows.stop()
    sh(unmake(name))
    undo(module)
    sh("sleep 1")
    return lost


def measure(figure, name):
    """A fault, several times: the most that one has cost."""
    seen = [faulty(figure, name) for _ in range(TIMES)]
    results.add(figure, name, max(max(lost.values()) for lost in seen), "packets", f"{METHOD}; " +
                "; ".join(f"{way} it {', '.join(f'{lost[key]:.0f}' for lost in seen)}"
                          for way, key in (("from", "tx"), ("to", "rx"))))


for model in dict.fromkeys(how[0] for figure, how in FAULTS.items() if wanted(figure)):
    boot(nic=model, icount=True, wired=True, fresh=True, layers=("bench",),
         extra=("-device", f"e1000e,mac={SPARE}"))
    prepare()
    define()
    wires()
    chosen = [figure for figure, how in FAULTS.items() if wanted(figure) and how[0] == model]
    for name in CONTENDERS:
        for figure in chosen:
            measure(figure, name)
        pulls = [results.rows[figure, name][0] for figure in chosen if "pull" in figure]
        if pulls:
            results.add("bond.pull.lost", name, max(pulls), "packets", METHOD)
    power_cut()
results.table()
