"""Power is cut during a resync: it goes on where it must, and nothing is lost.

      +-- 10: disk, volatile cache --+
    --+                              +-- ftm0 <- writer
      +-- 11: disk, volatile cache --+   <- pulled, put back; power cut while it is copied to
"""
from _server import Writer, duplex, identical, set_up, until

BESIDE = 100

boot(size="64M", backend="fault")
set_up()
writer = Writer()
for seed in (None, 11):
    writer.begin()
    pull(11)
    until("SIMPLEX")
    writer.more(100)
    # Slow enough that the cut falls into the copying.
    disk(11).slow(0.3)
    insert(11)
    sh("until dmsetup status ftm0 | grep -q SYNCING; do sleep 0.02; done; sleep 0.3")
    expect("SYNCING" in sh("dmsetup status ftm0"), "the resync was over before the power cut")
    power_cut(keep=seed)
    writer.end(kill=False)
    boot(backend="fault")
    wait_for(lambda: rc("ftctl status") in (0, 1), 120)
    writer.verify()
    disk(11).ok()
    duplex()
    writer.verify()
identical()
