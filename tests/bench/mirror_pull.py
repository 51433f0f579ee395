"""How long a 4 KiB write stalls when a leg is pulled, or hangs.

    ftwrite -> ftm0 --+-- 10/1, 11/1      ftwrite -> md0 --+-- 10/2, 11/2

The module is pulled under load and put back, in turn for each; then one leg in RAM
stops to answer.
"""
from _bench import Results, median, wanted
from _peers import Contender, prepare, ram

ROUNDS = 5
DEADLINE = 1000                 # ms, ours for a hung leg
HUNG = 12                       # s, how long a leg hangs
results = Results("mirror")


def stall(job):
    """The longest time between two acknowledged writes, in ms, by the guest's clock."""
    job.kill()
    said = job.wait(60, check=False)
    expect("error" not in said, said[-300:])
    times = [int(line.split()[2]) for line in said.splitlines() if line.startswith("ack ")]
    return round(max(b - a for a, b in zip(times, times[1:])) / 1e6, 1)


def load(device, seconds):
    job = start(f"ftwrite {device} --direct --shuffled --blocks 4096 --seconds {seconds}")
    job.wait_line("ack 50")
    return job


def rejoin(contender, leg):
    """The leg is back and brought up to date."""
    if contender.name == "ft-mirror":
        wait_for(f"dmsetup message x0 0 join 1 {leg}", 60)
        wait_for("dmsetup status x0 | grep -q ' DUPLEX NONE '", 60)
    else:
        # A failed device that is gone, in mdadm's words; then it, under whatever name.
        sh(f"mdadm {contender.device} --remove detached; "
           f"mdadm {contender.device} --re-add {leg} || mdadm {contender.device} --add {leg}; "
           f"sleep 0.5; mdadm --wait {contender.device}; true", 60)
        wait_for(f"grep -q '\\[UU\\]' /proc/mdstat", 60)


boot(disks=2, size="64M", layers=("bench",))
prepare()
contenders = [Contender("ft-mirror", 0), Contender("md-bitmap", 1)]

if wanted("mirror.pull.stall"):
    stalls = {contender.name: [] for contender in contenders}
    for slot, contender in enumerate(contenders, 1):
        contender.make((disk(10, slot).dev, disk(11, slot).dev), settle=False)
    sh("sleep 2")
    for _ in range(ROUNDS):
        for contender in contenders:
            job = load(contender.device, 60)
            pull(11)
            sh("sleep 2")
            stalls[contender.name].append(stall(job))
            insert(11)
            for slot, other in enumerate(contenders, 1):
                rejoin(other, disk(11, slot).dev)
    for name, values in stalls.items():
        results.add("mirror.pull.stall", name, round(median(values), 1), "ms",
                    f"2 vCPUs, wall clock, NVMe, direct 4 KiB write and flush, median of {ROUNDS} "
                    f"pulls; lowest {min(values)}, highest {max(values)}")
    for contender in contenders:
        contender.remove()

if wanted("mirror.pull.hung"):
    devices = ram(4, 64)
    for slot, contender in enumerate(contenders):
        legs = []
        for leg in range(2):
            device = devices[2 * slot + leg]
            legs.append(f"/dev/mapper/hung{slot}{leg}")
            sh(f"dmsetup create hung{slot}{leg} --table '0 {64 * 2048} linear {device} 0'")
        contender.make(legs, settle=False)
        if contender.name == "ft-mirror":
            sh(f"dmsetup message x0 0 timeout_ms {DEADLINE}")
        job = load(contender.device, 60)
        sh(f"dmsetup suspend --noflush --nolockfs {legs[1]}")
        sh(f"sleep {HUNG}")
        answers = len(job.lines)
        sh("sleep 1")
        waiting = len(job.lines) == answers
        sh(f"dmsetup resume {legs[1]}")
        value = stall(job)
        results.add("mirror.pull.hung", contender.name, value, "ms",
                    f"leg in RAM that does not answer for {HUNG + 1} s, longest stall of a write"
                    + (f"; deadline {DEADLINE} ms" if contender.name == "ft-mirror" else "")
                    + ("; waited until the leg answered again" if waiting else ""))
        contender.remove()

results.table()
ours = results.rows.get(("mirror.pull.hung", "ft-mirror"))
if ours:
    print(f"mirror.pull.hung: ft-mirror's deadline + {ours[0] - DEADLINE:.0f} ms (bar 200)"
          + (": MISSED" if ours[0] > DEADLINE + 200 else ""))
ratio = results.ratio("mirror.pull.stall", "ft-mirror", "md-bitmap")
if ratio:
    print(f"mirror.pull.stall: ft-mirror's is {ratio} x md-bitmap's (bar 1)"
          + (": MISSED" if ratio > 1 else ""))
