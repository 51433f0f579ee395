# SPDX-License-Identifier: GPL-2.0
"""A disk that fails is tried again, then kept out, and taken in when a person says so.

    guest: ftm0     [10] disk  <-->  [11] disk: every request fails, until .ok()
"""
from _server import duplex, mirror, set_up, status, until


def member(number):
    return mirror()["members"][number]


def write():
    sh("dd if=/dev/urandom of=/dev/mapper/ftm0 bs=64k count=4 oflag=direct conv=fsync status=none")


def faults():
    return {fault["device"]: fault for fault in status()["faults"]}


boot(size="64M", backend="fault")
set_up()
sh(r"""sed -i '/\[policy\]/a retry_s = 1\nminimum_count = 100\nattempts = 3' /etc/ftstack/ftd.conf
       ftctl config check && ftctl reload""")

# It fails once: taken in again by itself.
disk(11).error(how="w")
write()
until("SIMPLEX")
expect(faults()["11/1"]["count"] == 1, faults())
disk(11).ok()
duplex()
expect(faults()["11/1"]["count"] >= 1 and not faults()["11/1"]["given_up"], faults())

# It fails for good: tried a few times, then kept out, and somebody is told.
disk(11).error(how="w")
write()
wait_for(lambda: faults()["11/1"]["given_up"], 180)
said = sh("ftctl fault show 11/1; ftctl alert list")
note(said)
expect("kept out" in said and "ftctl fault clear 11/1" in said, said)
expect(rc("journalctl -q MESSAGE_ID=a94c2f7710b84d3f8e6b5d29c3f0e7b1 | grep -q 11/1") == 0,
       "the journal does not say that it is kept out")
expect(mirror()["state"] == "SIMPLEX", mirror())
disk(11).ok()

# ftd forgets nothing, and cleared is not taken in.
sh("systemctl restart ftd; sleep 2")
expect(faults()["11/1"]["given_up"] and mirror()["state"] == "SIMPLEX", faults())
sh("ftctl fault clear 11/1; sleep 2")
expect(not faults() and mirror()["state"] == "SIMPLEX", "cleared, and taken in by that alone")
sh("ftctl module online 11")
duplex()

# One that comes back and cannot be read in its middle is not trusted with data.
pull(11)
until("SIMPLEX")
disk(11).error(40000, 110000, how="r")
insert(11)
wait_for("journalctl -u ftd | grep -q 'failed its self-test'")
expect(mirror()["state"] == "SIMPLEX", mirror())
disk(11).ok()
sh("ftctl module online 11")
duplex()

# A return by hand only.
sh(r"""sed -i '/\[policy\]/a return = "by-hand"' /etc/ftstack/ftd.conf; ftctl reload""")
pull(11)
until("SIMPLEX")
insert(11)
wait_for("ftctl status | grep -q 'take it in: \"ftctl module online 11\"'")
expect(mirror()["state"] == "SIMPLEX", mirror())
sh("ftctl module online 11")
duplex()
