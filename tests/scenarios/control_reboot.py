# SPDX-License-Identifier: GPL-2.0
"""Assembly at boot when a person may have to choose.

    [10] and [11]  ->  11 pulled, 10 written, cut
    only 11        ->  it may be stale: nobody starts it but a person
    and then 10    ->  11 was not started: nothing is lost, nobody is asked
                   ->  11 was started, both ran alone: a person must choose
"""
import json


def mirror():
    return json.loads(sh("ftctl status --json; true"))["mirrors"][0]


def duplex():
    wait_for("ftctl wait --duplex --timeout 5", 600)


def write(text):
    sh(f"echo {text} | dd of=/dev/mapper/ftm0 bs=4k count=1 seek=1000 conv=sync,fsync oflag=direct "
       "status=none")


def read():
    return sh("dd if=/dev/mapper/ftm0 bs=4k count=1 skip=1000 iflag=direct status=none"
              " | tr -d '\\0'").strip()


boot()
sh("ftctl setup --yes", 120)
duplex()
write("both")

# Only the stale disk is there.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
write("newer")
power_cut()
boot(modules=(11,), cold=True)
wait_for("ftctl status | grep -q 'ftctl mirror start ftm0'")
expect(mirror()["state"] == "BROKEN" and mirror()["reason"] == "STALE", mirror())
expect(rc("test -e /dev/mapper/ftm0") != 0, "a leg that may be stale was started")
# The newer one comes: nothing is lost, nobody is asked.
insert(10)
duplex()
expect(read() == "newer", "the stale leg was read")

# Both ran alone: a person must choose.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
write("ten-alone")
power_cut()
boot(modules=(11,), cold=True)
wait_for("ftctl status | grep -q 'ftctl mirror start ftm0'")
sh("ftctl mirror start ftm0")
write("eleven-alone")
insert(10)
wait_for("ftctl status | grep -q 'ftctl mirror resolve ftm0 11/1'")
expect(mirror()["members"][0]["reason"] == "SPLIT_BRAIN", mirror())
expect(read() == "eleven-alone", "the running leg's data is gone")
power_cut()
boot(cold=True)
wait_for("ftctl status | grep -q 'ftctl mirror resolve ftm0 10/1'")
expect(mirror()["state"] == "BROKEN" and mirror()["reason"] == "SPLIT_BRAIN", mirror())
expect(rc("ftctl mirror resolve ftm0 12/1") == 1, "a leg that is none was chosen")
sh("ftctl mirror resolve ftm0 10/1")
duplex()
expect(read() == "ten-alone", "the survivor's data is gone")
