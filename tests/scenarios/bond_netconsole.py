"""The kernel's messages go out over the bond, through switches, a lost link and another port.

    server  netconsole -> ftb0        switch        peer 10.77.0.1:6666
                10: NIC  active   -------o-------------o
                11: NIC  standby  -------'
"""
from _bond import *

LISTEN = """
import socket
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.bind(("10.77.0.1", 6666))
while True:
    print(link.recv(2000).decode(errors="replace").strip(), flush=True)
"""

boot()
load()
define()
names = bond()
script = BUILD / "tools/listen.py"
script.write_text(LISTEN, encoding="utf-8")
heard = peer_start(f"python3 {script}")
mac = peer("ip -o link show $(ip -o -4 addr show to 10.77.0.1 | cut -d' ' -f2) | "
           "sed 's/.*link.ether //; s/ .*//'").strip()
sh(f"modprobe netconsole netconsole=6665@10.77.0.2/ftb0,6666@10.77.0.1/{mac}; dmesg -n 8")


def said(word):
    """The kernel says a word until the peer hears it: nobody repeats a lost message for it."""
    wait_for(lambda: sh(f"echo '<3>ftstack test: {word}' >/dev/kmsg; sleep 0.2") or
             word in heard.text)


peer("ping -c 2 -i 0.2 -W 5 10.77.0.2")
said("first")
for module in (11, 10):
    sh(f"ftnl bond ftb0 active={names[module]}")
    said(f"switched-to-{module}")
active = 10 if settings()["active"] == names[10] else 11
link(active, False)
said("without-a-link")
link(active, True)
state("DUPLEX")

# A port that leaves and one that comes: it sends as well.
for module in (10, 11):
    sh(f"ip link set {names[module]} nomaster; sleep 0.2; ip link set {names[module]} master ftb0")
    state("DUPLEX")
    sh(f"ftnl bond ftb0 active={names[module]}")
    said(f"back-in-{module}")
sh("rmmod netconsole")
sh("ip link del ftb0")
