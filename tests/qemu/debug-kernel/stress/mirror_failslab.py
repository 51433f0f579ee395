"""Allocations fail at random while a mirror is made, used, pulled apart and put together.

    10: disk --+-- ftm0, whose kernel module gets no memory now and then
    11: disk --+
"""
from _stress import *
from _mirror import Mirror

boot(size="64M")
mirror = Mirror("--same --region-shift 8")
turn = broken = 0
while time_left():
    turn += 1
    fail_allocations("ft_mirror", dice.choice((1, 5, 20, 50)))
    said = [mirror.assemble(check=False).strip()]
    for _ in range(6):
        sh("timeout 5 dd if=/dev/zero of=/dev/mapper/ftm0 bs=32k count=100 oflag=direct "
           f"conv=notrunc seek={dice.randrange(1000)};"
           "timeout 5 dd if=/dev/mapper/ftm0 of=/dev/null bs=32k count=100 iflag=direct",
           check=False)
        leg = dice.choice((0, 1))
        sh(f"dmsetup message ftm0 0 {dice.choice(('remove', 'join', 'replace', 'resolve'))} {leg} "
           f"{dice.choice(('', disk(10 + leg).dev))}", check=False)
        sh("dmsetup status ftm0", check=False)
        if dice.random() < 0.3:
            sh("dmsetup suspend ftm0; dmsetup resume ftm0", check=False)
        if dice.random() < 0.3:
            sh(f"dmsetup load ftm0 --table '{mirror.table()}'; dmsetup resume ftm0;"
               "dmsetup clear ftm0", check=False)
    state = sh("dmsetup status ftm0", check=False).strip()
    allocations_succeed()
    sh("dmsetup resume ftm0; dmsetup clear ftm0", check=False)
    sh("dmsetup remove --retry ftm0", 120, check=False)
    broken += "BROKEN" in state
    note(f"turn {turn}: {said[0]!r} {state}")
    # Whatever went wrong: with memory it can be assembled again, or made anew.
    if rc(f"dmsetup create ftm0 --table '{mirror.table()}'"):
        mirror = Mirror("--region-shift 8")
        mirror.assemble()
    mirror.stop()
note(f"{turn} turns, {broken} mirrors failed for want of memory")
sh("rmmod ft_mirror")
