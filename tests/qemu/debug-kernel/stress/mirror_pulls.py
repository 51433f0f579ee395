"""Legs are pulled, removed, joined and replaced at random, while the mirror is written to.

      +-- 10: disk --+
    --+              +-- ftm0 <- checked writer, readers
      +-- 11: disk --+
"""
from _stress import *
from _mirror import Mirror

BLOCKS = 8192


def load():
    """Writers and readers; they end when the mirror fails."""
    # Not the writer's blocks: these overlap each other, in all sizes.
    beyond = BLOCKS * 4096 // 65536
    return [start(f"ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} --batch 16 "
                  f"--from {written + 1}"),
            start("while dd if=/dev/mapper/ftm0 of=/dev/null bs=128k iflag=direct 2>/dev/null;"
                  "do :; done"),
            start(f"while dd if=/dev/zero of=/dev/mapper/ftm0 bs=64k count=32 oflag=direct "
                  f"conv=notrunc seek=$(shuf -n1 -i {beyond}-{beyond + 128}) 2>/dev/null;"
                  "do :; done"),
            start(f"while dd if=/dev/zero of=/dev/mapper/ftm0 bs=4k count=64 conv=notrunc,fsync "
                  f"seek=$(shuf -n1 -i {BLOCKS}-{BLOCKS + 2048}) 2>/dev/null; do :; done")]


def acknowledged(job):
    numbers = [int(text.split()[1]) for _, text in job.lines if text.startswith("ack ")]
    return numbers[-1] if numbers else written


def pull_leg(module):
    pull(module)
    return "pull"


def remove_leg(module):
    mirror.message(f"remove {module - 10}", check=False)
    return "remove"


def bring_back(module):
    """The leg returns by join, or an empty disk by replace."""
    how = "join"
    if not present(module):
        what = dice.choice(("same", "same", "blank"))
        insert(module, what)
        how = "replace" if what == "blank" else "join"
    said = mirror.message(f"{how} {module - 10} {disk(module).dev}", check=False)
    if "No data available" in said or "No such device" in said:
        mirror.message(f"replace {module - 10} {disk(module).dev}", check=False)
    return how


def reload():
    sh(f"dmsetup load ftm0 --table '{mirror.table([m for m in (10, 11) if present(m)], '')}' && "
       "dmsetup resume ftm0 || dmsetup clear ftm0", 120, check=False)
    return "reload"


boot(size="96M")
mirror = Mirror("--same --region-shift 8")
mirror.assemble()
written = 0
jobs = load()
turns = {}
while time_left():
    status = mirror.status()
    state = status["state"]
    out = [m for m in (10, 11) if status[f"state{m - 10}"] not in ("IN_SYNC", "SYNCING")]
    if state == "BROKEN":
        # The source of a resync was torn out: what is on the disks decides.
        written = acknowledged(jobs[0])
        for job in jobs:
            job.kill()
        finish(jobs)
        mirror.stop()
        for module in (10, 11):
            if not present(module):
                insert(module, "same")
        mirror.assemble()
        jobs = load()
        done = "assemble"
    elif state == "DUPLEX":
        done = dice.choice((pull_leg, pull_leg, remove_leg))(dice.choice((10, 11)))
    elif state == "SIMPLEX":
        done = bring_back(out[0])
    else:
        target = 10 if status["state0"] == "SYNCING" else 11
        what = dice.random()
        if what < 0.2:
            done = pull_leg(target)
        elif what < 0.3:
            done = remove_leg(target)
        elif what < 0.35:
            done = pull_leg(21 - target)
        else:
            done = "wait"
            sh(f"sleep {dice.choice((0.1, 0.5, 2))}")
    if dice.random() < 0.2:
        sh(f"dmsetup suspend {dice.choice(('', '--noflush'))} ftm0; dmsetup resume ftm0", 120)
        done += " suspend"
    note(f"{state}: {done}")
    turns[done] = turns.get(done, 0) + 1
    sh(f"sleep {dice.choice((0, 0.05, 0.3, 1))}")
note(f"turns: {turns}")

status = mirror.status()
if status["state"] == "SIMPLEX":
    bring_back(10 if status["state0"] not in ("IN_SYNC", "SYNCING") else 11)
if mirror.state() != "BROKEN":
    mirror.wait(timeout=180)
written = acknowledged(jobs[0])
for job in jobs:
    job.kill()
finish(jobs)
mirror.stop()
for module in (10, 11):
    if not present(module):
        insert(module, "same")
mirror.assemble()
mirror.wait(timeout=180)
note(sh(f"ftwrite /dev/mapper/ftm0 --verify --shuffled --blocks {BLOCKS} --upto {written} "
        "--inflight 16", 120).strip().splitlines()[-1])
mirror.stop()
mirror.identical()
sh("rmmod ft_mirror")
