# SPDX-License-Identifier: GPL-2.0
"""What a slot tells of its module, and a module that is cut off at its bridge.

      +-- 10: NIC, disk --+
    --+                   +-- ftm0, ftb0
      +-- 11: NIC, disk --+   <- removed and taken in, removed and pulled, button,
          bridge 00:05.0         fatal error (injected), power fault (simulated), pulled
"""
import struct

from _server import duplex, mirror, set_up, status, until

BRIDGE = "0000:00:05.0"
HELD = 0x40  # of the bridge control register: the secondary bus is in reset


def module():
    return next(m for m in status()["modules"] if m["id"] == 11)


def held():
    return bool(int(sh(f"setpci -s {BRIDGE} BRIDGE_CONTROL"), 16) & HELD)


def below():
    return sh(f"ls /sys/bus/pci/devices/{BRIDGE} | grep -c '^0000:..:..[.].$' || true").strip() != "0"


def cut_off(state, reason):
    """It is in that state, nothing is left below its bridge, and that is held."""
    wait_for(lambda: not below() and held(), 60)
    wait_for(lambda: (module()["state"], module()["reason"]) == (state, reason), 60)
    expect(mirror()["state"] == "SIMPLEX", mirror())
    note(f"{state} {reason}: {module()['next_action']}")


boot(size="64M")
set_up()
expect("ft_chipset" in sh("lsmod"), "ft_chipset was not loaded")
expect(not held(), "held from the start")

# Removed by a person, and taken in again.
sh("ftctl module remove 11")
cut_off("OFFLINE", "ISOLATED")
sh("rmmod ft_chipset && modprobe ft_chipset")
expect(held(), "let go by the unloading")
sh("ftctl module online 11")
duplex()
expect(not held(), "taken in, and still held")

# Removed and pulled: the slot is free for the next one, which is used at once.
sh("ftctl module remove 11")
cut_off("OFFLINE", "ISOLATED")
pull(11)
wait_for(lambda: module()["state"] == "REMOVED" and not held(), 60)
insert(11)
duplex()

# A fault: the module is cut off, and a person must act.
allow_kmsg("AER|pcieport|Hardware Error|after bus reset|frozen state|restart after slot")
sh("modprobe aer_inject")
data = struct.pack("<BBBxII4II", 0, 5, 0, 0x10, 0, 0, 0, 0, 0, 0)  # data link protocol: fatal
put("/tmp/fatal", data)
sh("cat /tmp/fatal >/dev/aer_inject")
cut_off("BROKEN", "FATAL_ERROR")
expect("replace module 11" in module()["next_action"], module())
expect(any(a["id"] == "module/11" for a in status()["alerts"]), status()["alerts"])
sh("ftctl module online 11")
duplex()
sh(f"echo {BRIDGE} POWER_FAULT >/sys/kernel/debug/ft_chipset/report")
cut_off("BROKEN", "POWER_FAULT")
pull(11)
wait_for(lambda: not held(), 60)
insert(11)
duplex()

# The simulator takes no nonsense, and nothing from anybody but root.
for bad in ("", "x", f"{BRIDGE} nonsense", "0000:7f:00.0 lost", "0000:00:00.0 lost"):
    expect(rc(f"echo {bad} >/sys/kernel/debug/ft_chipset/report") != 0, f"{bad} was taken")

# The attention button: the pairs leave before the slot is switched off.
mark = len(kmsg())
remove(11)
said = "\n".join(kmsg()[mark:])
order = [said.find(text) for text in ("due to button press", "module 11 isolated (ISOLATED)",
                                      "is a port no more")]
expect(-1 < order[0] < order[1] < order[2], said)
until("SIMPLEX")
insert(11)
duplex()
