"""Cable faults and planned switches under request and answer: no request goes unanswered.

    server  ftb0 10.77.0.2        switch        peer 10.77.0.1
      10: NIC  active    ----x------o-------------o  500 requests/s
      11: NIC  standby   ----------'
"""
from _bond import *

boot()
load()
define()
names = bond()
expect(stats()["port0_state"] == 1 and stats()["port1_state"] == 2, pair())


def working(module):
    """Waits until the port of a module works again."""
    wait_for(lambda: re.search(rf"\[{names[module]} in {module} (ACTIVE|STANDBY) NONE\]", pair()))


# The cable of the active port, again and again.
FAULTS = 6
job = traffic()
for fault in range(FAULTS):
    active = 10 if settings()["active"] == names[10] else 11
    link(active, False)
    said = state("SIMPLEX")
    expect(f"[{names[active]} in {active} FAULTY LINK_DOWN]" in said, said)
    sh("sleep 0.3")
    link(active, True)
    working(active)
expect(settings()["switches"] == str(FAULTS), f"switches: {settings()}")
expect(settings()["last"].endswith("LINK_DOWN"), settings()["last"])
job.kill(2)
seen = answers(job)
note(f"{FAULTS} cable faults: {seen}")
expect(seen["lost"] == 0, f"requests were lost: {seen}")
expect(seen["packets_lost"] <= FAULTS, f"more than one packet lost at a fault: {seen}")

# Planned: by hand, and by taking the active port down. Make before break.
job = traffic()
for turn in range(20):
    sh(f"ftnl bond ftb0 active={names[11 if turn % 2 else 10]}; "
       f"ftnl bond ftb0 active={names[10 if turn % 2 else 11]}")
active = settings()["active"]
sh(f"ip link set {active} down")
said = state("SIMPLEX")
expect("FAULTY ADMIN_DOWN" in said, said)
expect(settings()["active"] != active, "the port that went down is still active")
sh(f"sleep 0.3; ip link set {active} up")
state("DUPLEX")
job.kill(2)
seen = answers(job)
note(f"40 planned switches and a port taken down: {seen}")
expect(seen["lost"] == 0 and seen["packets_lost"] == 0, f"a planned switch lost a packet: {seen}")

# No link left, then one again, and the reason told each time.
link(10, False)
link(11, False)
said = state("BROKEN")
expect("ftb0 BROKEN LINK_DOWN" in said, said)
expect(sh("cat /sys/class/net/ftb0/carrier").strip() == "0", "carrier without a link")
link(10, True)
state("SIMPLEX")
link(11, True)
state("DUPLEX")
peer("ping -c 3 -i 0.2 -W 2 10.77.0.2")

# Failback: not before the primary has worked for as long as the hold-down says.
sh(f"ftnl bond ftb0 primary={names[10]} failback=2 holddown=3000")
wait_for(lambda: settings()["active"] == names[10])
refused(f"ftnl bond ftb0 active={names[11]}", "failback would return to the primary at once")
link(10, False)
wait_for(lambda: settings()["active"] == names[11])
link(10, True)
working(10)
began = now()
expect(settings()["active"] == names[11], "failed back before the hold-down had passed")
wait_for(lambda: settings()["active"] == names[10])
expect(now() - began > 1.5, f"failed back after {now() - began:.1f} s, hold-down is 3 s")
expect(settings()["last"].endswith("FAILBACK"), settings()["last"])
