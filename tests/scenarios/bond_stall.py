"""A NIC whose link is up takes no more packets: the bond leaves it before its driver notices.

    server  ftb0 10.77.0.2                         switch        peer 10.77.0.1
      10: NIC  active   (may not read memory) -x------o-------------o
      11: NIC  standby  ------------------------------'
"""
from _bond import *

boot()
load()
define()
names = bond()
# The driver, too, says what it thinks of it, if it is given the time.
allow_kmsg("NETDEV WATCHDOG|Detected Hardware Unit Hang|transmit queue .* timed out")


def bus_master(name, on):
    """May this NIC read and write memory? Its registers it has either way."""
    sh(f"printf '\\{6 if on else 2:03o}\\000' | dd of=/sys/class/net/{name}/device/config bs=1 "
       "seek=4 conv=notrunc 2>/dev/null")


active = settings()["active"]
module = 10 if active == names[10] else 11
other = names[21 - module]
job = start("ping -q -i 0.01 10.77.0.1")
sh("sleep 1")
bus_master(active, False)
wait_for(lambda: settings()["active"] == other)
expect(settings()["last"].endswith("TX_STALLED"), settings()["last"])
expect(f"[{active} in {module} FAULTY TX_STALLED]" in pair(), pair())
peer("ping -c 2 -i 0.2 -W 5 10.77.0.2")
refused(f"ftnl bond ftb0 active={active}", "see its reason")

# Reset, it is trusted again after a while.
bus_master(active, True)
sh(f"ip link set {active} down; ip link set {active} up")
wait_for(lambda: f"[{active} in {module} STANDBY NONE]" in pair())
expect(settings()["active"] == other, "gone back unasked")
job.kill(2)
job.wait(check=False)
note(job.text.strip().splitlines()[-1])
