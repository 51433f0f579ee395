# SPDX-License-Identifier: GPL-2.0
"""A server whose root lies on a mirror, and whose initramfs dracut has made: both disks, one that
runs alone, a stale one, which is not started but by a person, and a kernel without ft_mirror.

      +-- 10: disk --+
    --+              +-- ftm0: /
      +-- 11: disk --+
"""
from _root import duplex, keep, kept, root, start_up


def start(**options):
    start_up(initramfs="dracut", **options)


start()
expect(root() == "/dev/mapper/ftm0", root())
duplex()
pull(11)
wait_for("ftctl status | grep -q 'module 11  REMOVED'")
keep("ten")
power_cut()
start(modules=(10,))
expect(root() == "/dev/mapper/ftm0" and kept() == "ten", "10 does not boot alone")
power_cut()
start(modules=(11,), stops_at="ftstack.alone=ftm0")
expect("only 11/1 is there, and 10/1 may hold newer data" in console(), console()[-800:])
power_cut()
start(modules=(10, 11))
duplex()
expect(kept() == "ten", "the stale leg was read")
keep("both")
power_off()
start(cmdline="module_blacklist=ft_mirror")
expect("READ ONLY" in console(), console()[-800:])
expect(root() == "/dev/mapper/ftm0" and kept() == "both", "not what the mirror had")
expect(rc("touch /x 2>/dev/null") != 0, "it can be written to")
