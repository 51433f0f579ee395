# SPDX-License-Identifier: GPL-2.0
"""ftctl scrubs a mirror: progress, findings, repair, an end on request, once a month.

    guest: ftd, ftm0    [10] disk  <-->  [11] disk, changed by hand
"""
import json

from _server import duplex, ftctl, identical, set_up


def shown():
    return json.loads(sh("ftctl mirror show ftm0 --json"))


def change(block):
    sh(f"dd if=/dev/urandom of={disk(11).dev} bs=4k seek={256 + block} count=1 oflag=direct "
       "conv=notrunc status=none")


boot(size="64M")
set_up()
sh("dd if=/dev/urandom of=/dev/mapper/ftm0 bs=1M count=40 oflag=direct status=none")
expect("nothing has been compared" in ftctl("mirror show ftm0"), "it was scrubbed before")
said = ftctl("mirror scrub ftm0 --wait")
expect("the legs are equal" in said, said)

change(5000)
said = ftctl("mirror scrub ftm0 --check --wait", 1)
expect("1 block differed" in said, said)
expect(rc("systemctl start ftstack-scrub@ftm0.service") != 0, "the service does not tell")
said = ftctl("mirror scrub ftm0 --repair --wait")
expect("1 block made equal" in said, said)
expect(shown()["scrub"]["repaired"] == 1 and shown()["scrub"]["mode"] == "idle", shown())
sh("systemctl start ftstack-scrub@ftm0.service")
sh("systemctl start ftstack-scrub@ftm0.timer && systemctl list-timers | grep ftstack-scrub@ftm0")

# While it runs: a job, a reason, refused a second time; ended on request.
sh("dmsetup message ftm0 0 resync_max 2048")
ftctl("mirror scrub ftm0")
said = ftctl("job list")
expect("SCRUB" in said and "ftm0" in said, said)
document = json.loads(sh("ftctl status --json"))
expect(document["mirrors"][0]["reason"] == "SCRUB" and document["state"] == "DUPLEX", document)
expect("already" in ftctl("mirror scrub ftm0", 1), "two at a time")
ftctl("mirror scrub ftm0 --stop")
wait_for("ftctl job list | grep -q nothing")
expect("is not being scrubbed" in ftctl("mirror scrub ftm0 --stop", 1), "there was one")
# Those who wait are told that it was not finished.
waiting = start("ftctl mirror scrub ftm0 --wait 2>&1; echo exit $?")
wait_for("ftctl job list | grep -q SCRUB")
sh("ftctl job cancel $(ftctl job list | cut -d' ' -f1)")
said = waiting.wait()
expect("broken off" in said and "exit 1" in said, said)
sh("dmsetup message ftm0 0 resync_max 0")

# One leg is read, then both.
for leg, module in enumerate((10, 11)):
    ftctl(f"mirror prefer ftm0 {module}/1")
    before = shown()["legs"]
    sh("for n in 1 2 3 4; do dd if=/dev/mapper/ftm0 of=/dev/null bs=64k count=100 iflag=direct "
       "status=none & done; wait")
    reads = [after["reads"] - was["reads"] for was, after in zip(before, shown()["legs"])]
    expect(reads[leg] >= 400 and reads[1 - leg] < 50, f"{module}/1 is preferred: {reads}")
expect("is no leg of" in ftctl("mirror prefer ftm0 12/1", 1), "any leg may be preferred")
ftctl("mirror prefer ftm0 both")

# One leg alone is not scrubbed.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
expect("both in sync" in ftctl("mirror scrub ftm0", 1), "one leg was scrubbed")
expect(shown()["legs"][1]["state"] == "MISSING", shown())
insert(11)
duplex()
identical()
