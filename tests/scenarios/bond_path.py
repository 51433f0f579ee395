"""A path that is dead though its link is up is found, told, and left; a picky switch is none.

    server  ftb0 10.77.0.2        switch        peer 10.77.0.1
      10: NIC  active   ---------> x o-------------o  has spoken ARP once
      11: NIC  standby  <---------> o
               probes between the two, every 100 ms
"""
from _bond import *

boot()
load()
define()
names = bond()


def active_module():
    """The module of the port that carries the traffic."""
    return 10 if settings()["active"] == names[10] else 11


def probing(wanted):
    """Waits for a verdict of path probing."""
    wait_for(lambda: settings()["probing"] == wanted)


def member(module, wanted):
    """Waits until the port of a module is in a state, for a reason."""
    wait_for(lambda: f"[{names[module]} in {module} {wanted}]" in pair())


expect(settings()["probing"] == "OFF", settings())
refused("ftnl bond ftb0 probe=10001", "ERROR")
switch().capture = []
sh("ftnl bond ftb0 probe=100")
probing("OK")
peer("ping -c 2 -i 0.2 -W 2 10.77.0.2")
seen = stats()
expect(seen["probing"] == 2 and seen["port0_probes_arrived"] > 3 and
       seen["port1_probes_arrived"] > 3, f"probes: {seen}")

# The frame is what its header says; neither port uses the bond's address for it.
frames = [frame for _, _, frame in switch().capture if frame[12:14] == b"\x88\xb5"]
switch().capture = None
expect(len(frames) > 5, f"{len(frames)} probes on the wire")
expect(all(f[14:18] == b"FTBP" and f[18] == 1 and f[6] & 3 == 2 for f in frames), frames[0].hex())
expect(len({f[6:12] for f in frames}) == 2 and {f[19] for f in frames} == {0, 1},
       "not both ports probe")
mac = bytes.fromhex(sh("cat /sys/class/net/ftb0/address").strip().replace(":", ""))
expect(mac not in {f[6:12] for f in frames}, "a probe has the bond's own address")

# The active port's path: dead, one way, the other way. Left, told apart, and trusted again.
for direction, reason in (("both", "PATH_DEAD"), ("from", "PATH_TX_DEAD"), ("to", "PATH_RX_DEAD")):
    before, dead = int(settings()["switches"]), active_module()
    blackhole(dead, direction)
    member(dead, f"FAULTY {reason}")
    member(21 - dead, "ACTIVE NONE")
    expect("ftb0 SIMPLEX " + reason in pair(), pair())
    expect(settings()["last"].endswith(reason), settings()["last"])
    probing("FAULT")
    peer("ping -c 2 -i 0.2 -W 2 10.77.0.2")
    refused(f"ftnl bond ftb0 active={names[dead]}", "path of this port is dead")
    blackhole(dead, None)
    member(dead, "STANDBY NONE")
    probing("OK")
    expect(int(settings()["switches"]) == before + 1, f"switches: {settings()}")

# The standby port's path: told before it is needed; nothing switches.
before = settings()["switches"]
for direction, reason in (("both", "PATH_DEAD"), ("from", "PATH_TX_DEAD"), ("to", "PATH_RX_DEAD")):
    dead = 21 - active_module()
    blackhole(dead, direction)
    member(dead, f"FAULTY {reason}")
    blackhole(dead, None)
    member(dead, "STANDBY NONE")
expect(settings()["switches"] == before, "a dead standby made the bond switch")

# It is a port still: the other one's link lost, it carries what it can.
dead, lone = 21 - active_module(), active_module()
blackhole(dead, "both")
member(dead, "FAULTY PATH_DEAD")
link(lone, False)
wait_for(lambda: settings()["active"] == names[dead])
blackhole(dead, None)
peer("ping -c 2 -i 0.2 -W 5 10.77.0.2")
link(lone, True)
state("DUPLEX")
probing("OK")

# Nobody to be heard on either side: nothing is known, nothing is done.
before = settings()["switches"]
blackhole(10, "both")
blackhole(11, "both")
probing("UNKNOWN")
sh("sleep 1")
expect(settings()["switches"] == before, "switched from one dead path to another")
blackhole(10, None)
blackhole(11, None)
probing("OK")

# A switch that drops what it does not know: told, not taken for a fault, under load and idle.
# A dead path is found all the same.
switch().known_types = {0x0800, 0x0806, 0x8035, 0x86dd}
probing("FILTERED")
before = settings()["switches"]
job = traffic(3)
answers(job)
sh("sleep 2")
expect(settings()["switches"] == before, "switched because a switch drops probes")
expect("DUPLEX" in pair() and settings()["probing"] == "FILTERED", pair())
dead = active_module()
blackhole(dead, "both")
member(dead, "FAULTY PATH_DEAD")
expect(settings()["active"] == names[21 - dead], "has not left the dead path")
blackhole(dead, None)
member(dead, "STANDBY NONE")
switch().known_types = None
probing("OK")

# Old probes, and such of another bond, prove nothing: the path is found dead all the same.
tap = peer("ip -o -4 addr show to 10.77.0.1 | cut -d' ' -f2").strip()
script = BUILD / "tools/replay.py"
script.write_text(f"""
import socket, time
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(({tap!r}, 0))
for _ in range(2000):
    for frame in {[f.hex() for f in frames[-4:]] + [f[:20].hex() + 'ab' * 40 for f in frames[-2:]]}:
        link.send(bytes.fromhex(frame))
    time.sleep(0.01)
""", encoding="utf-8")
liar = peer_start(f"python3 {script}")
dead = active_module()
blackhole(dead, "from")
# The liar uses the probes' addresses, so the switch takes it for the ports: what is sent to
# them may be lost both ways.
wait_for(lambda: re.search(rf"\[{names[dead]} in {dead} FAULTY PATH_(TX_)?DEAD\]", pair()))
liar.kill()
blackhole(dead, None)
state("DUPLEX")

# Off again.
sh("ftnl bond ftb0 probe=0")
probing("OFF")
sent = stats()["port0_probes_sent"]
sh("sleep 0.5")
expect(stats()["port0_probes_sent"] == sent, "probes although they are off")
