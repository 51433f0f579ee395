# SPDX-License-Identifier: GPL-2.0
"""A server whose root file system lies on a mirror, through all that can happen to its disks.

      +-- 10: disk --+
    --+              +-- ftm0: /
      +-- 11: disk --+

    both; a module pulled and put back under a writer; either disk alone; a stale disk alone,
    which is not started but by a person; both ran alone, which stops and asks
"""
from _root import duplex, keep, kept, root, start_up

start_up()
expect(root() == "/dev/mapper/ftm0", root())
expect("initramfs" not in sh("cat /proc/mounts"), "the initramfs is still there")
duplex()
note("both legs")

# A module goes and comes while everything runs from it.
job = start("ftwrite /root/data --blocks 512 --batch 4")
job.wait_line("ack 20")
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
have = len(job.lines)
wait_for(lambda: len(job.lines) > have + 20)
insert(11)
duplex()
pull(10)
have = len(job.lines)
wait_for(lambda: len(job.lines) > have + 20)
insert(10)
duplex()
job.kill()
job.wait(check=False)
upto = [int(text.split()[1]) for _, text in job.lines if text.startswith("ack ")][-1]
sh(f"ftwrite /root/data --verify --blocks 512 --upto {upto} --inflight 4")
keep("both")

# Either disk alone: the one that has recorded that it runs alone.
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
keep("ten")
power_cut()
start_up(modules=(10,))
expect(root() == "/dev/mapper/ftm0" and kept() == "ten", "10 does not boot alone")
expect("ftm0 starts on 10/1 alone" in console(), console()[-800:])
insert(11)
duplex()
expect(kept() == "ten", "the stale leg was read")
pull(10)
wait_for("ftctl status | grep -q 'module 10  REMOVED'")
keep("eleven")
power_cut()
start_up(modules=(11,))
expect(root() == "/dev/mapper/ftm0" and kept() == "eleven", "11 does not boot alone")
power_cut()

# The stale one alone: it waits, says what is wrong, and starts nothing; a person may.
start_up(modules=(10,), stops_at="ftstack.alone=ftm0")
said = console()
expect("waiting for the other leg, 4 s at most" in said, said[-800:])
expect("only 10/1 is there, and 11/1 may hold newer data" in said, said[-800:])
power_cut()
start_up(modules=(10,), cmdline="ftstack.alone=ftm0")
expect(kept() == "ten", "another leg was started")
keep("ten-alone")
power_cut()

# Both ran alone: nobody guesses.
start_up(modules=(10, 11), stops_at="ftstack.survivor=ftm0:10/1")
expect("SPLIT BRAIN: 10/1 and 11/1 have both run alone" in console(), console()[-800:])
power_cut()
start_up(cmdline="ftstack.survivor=ftm0:11/1")
expect(kept() == "eleven", "the other leg has survived")
duplex()
expect(kept() == "eleven", "the survivor's data is gone")
expect(rc("ftctl doctor >/tmp/said") < 2 or "initramfs" not in sh("cat /tmp/said"),
       sh("cat /tmp/said"))
