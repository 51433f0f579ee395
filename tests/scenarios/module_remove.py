"""Orderly removal: ftctl takes a module out of use, it is pulled, and comes back by itself.

      +-- 10: NIC, disk --+
    --+                   +-- ftm0 <- writer,  ftb0 <- client
      +-- 11: NIC, disk --+   <- module remove, pulled, put back; then only taken in again
"""
from _server import Writer, answered, duplex, identical, mirror, set_up, status

def indicator(value):
    """Waits until the attention indicator of module 11 is off, on, or blinks (0, 1, 2)."""
    wait_for(f"[ $(cat /sys/bus/pci/slots/11/attention) = {value} ]")


def leds():
    """What ledmon's ledctl was asked for since the last time."""
    return sh("cat /run/leds; : > /run/leds").split()


boot(size="64M")
set_up()
put("/usr/sbin/ledctl", b"#!/bin/sh\necho $* | grep = >> /run/leds || [ $1 = --version ]\n", 0o755)
device = disk(11).dev
sh("ip addr add 10.77.0.2/24 dev ftb0")
server = start("ftping serve")
server.wait_line("serving")
wait_for(lambda: "1 received" in peer("ping -c 1 -W 1 10.77.0.2", check=False), 60)
client = peer_start("ftping ask 10.77.0.2 --rate 50")
writer = Writer()
writer.begin()

said = sh("ftctl module remove 11 2>&1")
note(said.strip())
expect("safe to pull" in said.lower(), "it does not say that the module may be pulled")
module = next(m for m in status()["modules"] if m["id"] == 11)
expect(module["state"] == "OFFLINE", f"the module is {module['state']}")
indicator(2)
expect(leds() == [f"locate={device}"], "the LED of the disk's bay does not say which")
expect(mirror()["state"] == "SIMPLEX", "the mirror still uses the module")
wait_for("! ls /dev/disk/by-id/nvme-*_" + disk(11).serial)  # its bridge is held in reset
writer.more()

# The other one is the last good side now.
code, said = rc("ftctl module remove 10"), sh("ftctl module remove 10 2>&1", check=False)
note(said.strip())
expect(code != 0, "the last good side was taken out")
expect("ftm0" in said and "ftb0" in said, "it does not say what depends on the module")
expect(leds()[-1] == f"locate_off={disk(10).dev}", "an LED says that it may be pulled")

# Changed our mind: nothing was pulled.
sh("ftctl module online 11")
duplex()
indicator(0)
expect(leds() == [f"locate_off={disk(11).dev}"], "the LED stays on")

sh("ftctl module remove 11")
remove(11)
writer.more()
insert(11)
duplex()
writer.end()
answered(client)
writer.verify()
identical()
