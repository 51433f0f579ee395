"""The server sleeps and wakes: the bond's ports are stopped and started by their drivers under it."""
from _bond import *

# Not on QEMU's e1000e: after a resume it may receive nothing any more, with no bond as well.
boot(nic="virtio-net-pci")
load()
define()
names = bond()
peer("ping -c 2 -i 0.2 -W 2 10.77.0.2")
# Devices are suspended and resumed as for any sleep; only the last step, the machine's, is left out.
sh("echo devices >/sys/power/pm_test; echo 1 >/sys/module/suspend/parameters/pm_test_delay")
# A driver takes frames again before it attaches its device: the answer to one meets a port
# that is not there yet, and nothing tells that it is a moment later.
asking = peer_start("ping -q -i 0.001 10.77.0.2")
for how in ("freeze", "mem"):
    if how not in sh("cat /sys/power/state"):
        continue
    for module in (10, 11):
        sh(f"ftnl bond ftb0 active={names[module]}")
        sh(f"echo {how} >/sys/power/state", 120)
        peer("ping -c 5 -i 0.2 -w 30 10.77.0.2")
        state("DUPLEX")
asking.kill()
expect(int(sh("cat /sys/power/suspend_stats/success")) >= 2, sh("dmesg | tail -30"))
sh("ip link del ftb0")
