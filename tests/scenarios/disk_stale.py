"""A disk that was away during a reboot is stale: it is never read, and brought up to date.

      +-- 10: disk --+
    --+              +-- ftm0 <- writer
      +-- 11: disk --+   <- pulled, away over a power cut, put back

And the trap: the server is started with the stale disk alone.
"""
from _server import Writer, duplex, identical, mirror, set_up, status, until

boot(size="64M", backend="fault")
set_up()
writer = Writer()
writer.begin()
writer.more()
pull(11)
until("SIMPLEX")
writer.more(50)
writer.end()
power_cut()

# 1. Both are there: the newer one is the source, only what differs is copied.
boot(modules=(10, 11))
wait_for(lambda: rc("ftctl status") in (0, 1), 120)
writer.verify()
duplex()
writer.verify()
expect(mirror()["sync"]["copied"] < 32 << 20, f"all was copied: {mirror()['sync']}")

# 2. Only the stale one is there: it is not started in silence, for it may be stale.
writer.begin()
pull(11)
until("SIMPLEX")
writer.more(50)
writer.end()
power_off()
boot(modules=(11,))
wait_for(lambda: status().get("mirrors"), 120)
state = mirror()
note(f"{state['state']} {state['reason']}: {state['next_action']}")
expect(rc("test -e /dev/mapper/ftm0") != 0, "a leg that may be stale was started")
expect(state["next_action"], "it does not say what to do")

# 3. The newer one is put in: now it is known which is which.
insert(10)
duplex()
writer.verify()
identical()
