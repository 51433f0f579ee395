"""Power cuts at random moments: no acknowledged write is lost, the legs end up equal.

      +-- 10: disk, volatile cache --+
    --+                              +-- ftm0 <- writer, every ack kept by the host
      +-- 11: disk, volatile cache --+

Between the cuts a leg is pulled and put back at random, also during the resync.
The cut loses what was not flushed: all of it, or a random part.
"""
import os
import random

from _mirror import Mirror, tool

ROUNDS = int(os.environ.get("POWERCUTS", "20"))
BLOCKS = 4096
seed = int(os.environ.get("SEED", str(random.randrange(1 << 30))))
note(f"SEED={seed}")
dice = random.Random(seed)

boot(backend="fault", size="64M")
mirror = Mirror("--same --region-shift 8")
acked = 0           # the last record of which the host has heard that it is durable
ahead = 0           # the last one that may have been under way at any of the cuts


def verify():
    """Whatever was acknowledged is there; what was under way at the cut may be torn."""
    said = sh(f"ftwrite /dev/mapper/ftm0 --verify --shuffled --blocks {BLOCKS} --upto {acked} "
              f"--inflight {max(ahead - acked, 0)}")
    note(said.strip().splitlines()[-1])


for turn in range(ROUNDS):
    if turn:
        boot(fresh=True)
        tool()
    mirror.assemble()
    note(f"round {turn}: assembled, {mirror.status()}")
    if acked:
        verify()
    batch = dice.choice((1, 4, 32))
    writer = start(f"ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} "
                   f"--batch {batch} --from {acked + 1}")
    wait_for(lambda: len(writer.lines) > dice.choice((5, 50, 200)) or not writer.alive, 60)
    if dice.random() < 0.8:
        gone = dice.choice((10, 11))
        # The last good leg may go too: then the mirror fails, and nothing more is acknowledged.
        pull(gone)
        sh(f"sleep {dice.choice((0.05, 0.3, 1))}")
        if dice.random() < 0.7:
            insert(gone, "same")
            if mirror.state() == "SIMPLEX":
                mirror.message(f"join {gone - 10} {disk(gone).dev}")
                sh(f"sleep {dice.choice((0.02, 0.2, 1))}")
                note(f"cut during {mirror.status()['state']}")
    power_cut(keep=dice.choice((None, dice.randrange(1 << 30))))
    lines = [text.split() for _, text in writer.lines]
    numbers = [int(words[1]) for words in lines if words and words[0] == "ack"]
    errors = [" ".join(words) for words in lines if words and words[0] == "error"]
    note(f"acknowledged up to {numbers[-1] if numbers else acked}, {errors}")
    acked = numbers[-1] if numbers else acked
    # Acknowledgements that were on their way to the host went with the guest.
    ahead = max(ahead, acked + 8 * batch)

boot(fresh=True)
tool()
mirror.assemble()
verify()
mirror.wait()
verify()
mirror.stop()
mirror.identical()
