# SPDX-License-Identifier: GPL-2.0
"""Root on a mirror, and a kernel that does not load ft_mirror: Secure Boot without the key,
or a kernel that it was not built for. The server comes up on one leg, read only.

      +-- 10: disk  <- away once, so stale
    --+
      +-- 11: disk  <- read from
"""
from _root import duplex, keep, kept, root, start_up

start_up()
duplex()
pull(10)
wait_for("ftctl status | grep -q 'module 10  REMOVED'")
keep("newer")
# After a crash a read-only root lacks what only the file system's journal holds.
power_off()
start_up(modules=(10, 11), cmdline="module_blacklist=ft_mirror")
expect("READ ONLY" in console(), console()[-800:])
expect(root() == "/dev/mapper/ftm0" and kept() == "newer", "the stale leg was read")
expect(rc("touch /x 2>/dev/null") != 0, "it can be written to")
expect("ft_mirror" in sh("ftctl doctor; true"), "the doctor has no word for it")
power_cut()

# Nothing was lost by it.
start_up()
duplex()
expect(kept() == "newer", "the stale leg was read afterwards")
