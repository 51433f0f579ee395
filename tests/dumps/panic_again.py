"""The disk is full in the middle of a dump; a panic while another dump is being saved.

    panic  ->  panic, no room  ->  panic, and one more in the middle of its dump  ->  firmware
    kept       not saved           not saved                                          panic: kept
"""
from _dumps import *  # noqa: F403


def incomplete():
    return [dump["id"] for dump in dumps() if not dump["complete"]]


ready()
panic()
first = dumps()[0]
expect(first["complete"], f"{first}")

# A few MiB of it fit. The memory comes back, and the next panic is waited for, all the same.
sh("fallocate -l $(($(df -B1 --output=avail /persist | tail -n 1) - 4194304)) /persist/full; sync")
panic()
expect(first["id"] in [dump["id"] for dump in dumps() if dump["complete"]],
       f"the first dump was not kept: {dumps()}")
expect(len(incomplete()) == 1, f"the second one: {dumps()}")
expect(rc("systemctl is-failed ftstack-dump") == 0, "a dump that was not saved is no failure")
second = incomplete()[0]
said = sh(f"ftctl dump show {second}")
expect(re.search(r"saved +false", said) and "sysrq" in said and "rearmed_s" in said, said)
duplex()

# In the middle of the third dump nothing is armed.
sh("rm /persist/full; sync")
crash()
wait_for("test -s $(ls -d /persist/crash/2* | tail -n 1)/dump", 120)
expect(read("state") == "OPEN", "it is too late for a panic in the middle of the dump")
reset("echo c >/proc/sysrq-trigger")
duplex()
expect(dumps()[0]["id"] == first["id"] and dumps()[0]["complete"], f"{dumps()}")
expect(len(incomplete()) >= 1, f"a dump that was cut off is called complete: {dumps()}")
third = incomplete()[-1]
expect(third != second, f"{dumps()}")
arm()
panic()
expect([dump["complete"] for dump in dumps()] == [True, False, True], f"{dumps()}")
expect(dumps()[1]["id"] == third, f"{dumps()}")
duplex()
