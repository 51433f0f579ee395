# SPDX-License-Identifier: GPL-2.0
"""ftd takes a module that comes back in by itself: the same disk, a blank one, a
disk of another system; pulled by surprise, orderly, while ftd is dead.

    guest: writer -> ftm0     [10] NIC, disk  <-->  [11] NIC, disk
                     ftb0
"""
import json


def status():
    return json.loads(sh("ftctl status --json; true"))


def mirror():
    return status()["mirrors"][0]


def member(number):
    return mirror()["members"][number]


def duplex():
    wait_for("ftctl wait --duplex --timeout 5", 600)
    legs_equal()


def legs_equal():
    """What is read from either leg is the same; with nothing under way."""
    sums = [sh(f"dd if={disk(module).dev} bs=1M skip=1 count=62 iflag=direct status=none | md5sum")
            for module in (10, 11)]
    expect(sums[0] == sums[1], "the legs differ")


def write(at):
    sh(f"dd if=/dev/urandom of=/dev/mapper/ftm0 bs=64k count=16 seek={at} oflag=direct "
       "conv=fsync status=none")


boot(size="64M")
sh("ftctl setup --yes", 120)
duplex()
write(10)

for module in (11, 10):
    copied = mirror()["sync"]["copied"]
    pull(module)
    wait_for(f"ftctl status | grep -q 'module {module}  REMOVED'")
    expect(rc("ftctl status") == 1, "one module is away, and the server is not simplex")
    out = sh(f"ftctl module remove {21 - module}; echo exit $?")
    expect("would lose its last good member" in out and "exit 1" in out, out)
    write(100)
    insert(module)
    duplex()
    expect(mirror()["sync"]["copied"] - copied <= 4 << 20,
           f"more was copied than what changed: {mirror()['sync']['copied'] - copied}")

# Orderly: asked for, pulled, put back.
sh("ftctl module remove 11")
expect(status()["modules"][0]["state"] == "OFFLINE", "module 11 is not OFFLINE")
write(200)
sh("ftctl module online 11")
duplex()
sh("ftctl module remove 11")
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
insert(11)
duplex()
# By the button on the module.
remove(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
insert(11)
duplex()

# A blank disk: a person is asked.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
insert(11, disk="blank")
wait_for("ftctl status | grep -q 'mirror replace ftm0 11/1'")
expect(member(1)["reason"] == "BLANK", member(1))
expect(rc("ftctl mirror replace ftm0 10/1") == 1, "the good leg was replaced")
sh("ftctl mirror replace ftm0 11/1")
duplex()

# The disk that was replaced is no leg any more, and no policy takes it.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
insert(11, disk="blank")
wait_for("ftctl status | grep -q 'mirror replace ftm0 11/1'")
sh(f"mkfs.ext4 -q {disk(11).dev}; sed -i 's/\"ask\"/\"auto\"/' /etc/ftstack/ftd.conf; ftctl reload")
wait_for("ftctl status | grep -q 'carries ext4'")
for verb in ("replace", "adopt"):
    expect(rc(f"ftctl mirror {verb} ftm0 11/1") == 1, "a disk with a file system was taken")
expect(member(1)["state"] == "FOREIGN", member(1))
sh("ftctl mirror replace ftm0 11/1 --wipe")
duplex()

# A leg of another system's mirror: a person has to say so, and says it of that alone.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
sh("systemctl stop ftd")
insert(11, disk="blank")
sh(f"truncate -s 64M /persist/other && ftctl mirror create other {disk(11).dev} /persist/other")
sh("systemctl start ftd")
wait_for("ftctl status | grep -q 'mirror adopt ftm0 11/1'")
expect(member(1)["reason"] == "FOREIGN", member(1))
expect(rc("ftctl mirror replace ftm0 11/1") == 1, "a disk of another system was taken")
sh("ftctl mirror adopt ftm0 11/1")
duplex()

# With the policy "auto" a blank one is taken by itself.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
insert(11, disk="blank")
duplex()

# The data path does not need ftd: it dies in the middle of a pull, and finds
# everything as it is when it is back.
sh("systemctl kill --signal=KILL ftd")
pull(10)
write(300)
insert(10)
duplex()
for _ in range(10):
    sh("systemctl kill --signal=KILL ftd; sleep 0.3")
wait_for("ftctl status", 120)
duplex()
