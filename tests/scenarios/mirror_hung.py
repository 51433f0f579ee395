"""A leg hangs, then flaps: writes go on without it, and it is back only when it is sound.

    disk 10 - dm-linear --+
                          +-- ftm0 <- checked writer, readers
    disk 11 - dm-linear --+   <- suspended: its requests are neither done nor failed

What the hung leg does late lands in regions that are copied when it returns.
"""
from _legs import Legs, linear


def hang():
    sh("dmsetup suspend --noflush --nolockfs leg1")


def writing():
    """The writer gets answers, now."""
    want = len(writer.lines) + 20
    wait_for(lambda: len(writer.lines) >= want or not writer.alive, 60)
    expect(writer.alive, writer.text[-300:])


boot(size="64M")
mirror = Legs("--same --region-shift 8", legs=linear())
mirror.assemble()
mirror.message("timeout_ms 700")

# Nothing but reads: one waits for the disk, all others go to the other leg.
mirror.message("prefer 1")
hang()
READ = "dd if=/dev/mapper/ftm0 of=/dev/null bs=4k count=1 iflag=direct status=none"
waiting = start(READ)
mirror.wait("SIMPLEX", 60)
expect(mirror.status()["reason1"] == "TIMEOUT", str(mirror.status()))
sh(READ, 10)
expect(waiting.alive, "a read of a hung leg was answered")
sh("dmsetup resume leg1")
waiting.wait(30)
mirror.join(11)
mirror.wait()
mirror.message("prefer -")

writer = start("ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks 4096 --batch 4")
reader = start("while dd if=/dev/mapper/ftm0 of=/dev/null bs=64k count=256 iflag=direct "
               "status=none; do :; done")
writer.wait_line("ack 40")

hang()
mirror.wait("SIMPLEX", 60)
status = mirror.status()
note(str(status))
expect(status["state1"] == "FAULTY" and status["reason1"] == "TIMEOUT", str(status))
writing()
expect(reader.alive, "a read has failed: " + reader.text[-200:])
said = mirror.message(f"join 1 {mirror.leg(11)}", check=False)
expect("busy" in said.lower(), f"a hung leg was let in: {said}")
sh("dmsetup resume leg1")
mirror.join(11)
mirror.wait()

# Flapping: gone and back, again and again, also in the midst of the resync.
for turn in range(12):
    hang()
    mirror.wait("SIMPLEX", 60)
    sh("dmsetup resume leg1")
    mirror.join(11)
    if turn % 3 == 0:
        mirror.wait()
writing()
expect(reader.alive, "a read has failed: " + reader.text[-200:])
reader.kill()
reader.wait(check=False)
mirror.wait()
writer.kill()
writer.wait(check=False)
upto = max(int(text.split()[1]) for _, text in writer.lines if text.startswith("ack "))
sh(f"ftwrite /dev/mapper/ftm0 --verify --shuffled --blocks 4096 --upto {upto} --inflight 4")
note(f"{upto} records, {mirror.status()}")
mirror.stop()
mirror.identical()
