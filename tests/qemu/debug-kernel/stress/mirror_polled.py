"""Legs whose driver is polled for completions: nothing on the mirror waits for an interrupt.

    null_blk --+-- ftm0 <- polled writes and reads
    null_blk --+
"""
import subprocess
from pathlib import Path

from _stress import *
from _mirror import TOOL, tool
from ftguest.paths import BUILD

binary = BUILD / "tools/polled"
binary.parent.mkdir(parents=True, exist_ok=True)
subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", binary,
                Path(__file__).parent / "polled.c"], check=True)
boot(modules=())
tool()
put("/run/polled", binary.read_bytes(), 0o755)
sh("modprobe null_blk nr_devices=0;"
   "for n in 0 1; do cd /sys/kernel/config/nullb; mkdir nullb$n; cd nullb$n; echo 64 >size;"
   "echo 1 >memory_backed; echo 2 >submit_queues; echo 2 >poll_queues; echo 1 >power; done")
size, uuid = sh(f"{TOOL} --same --region-shift 8 /dev/nullb0 /dev/nullb1").split()
sh(f"dmsetup create ftm0 --table '0 {size} ft-mirror {uuid} /dev/nullb0 /dev/nullb1'")
note("polled: " + sh("cat /sys/block/dm-0/queue/io_poll /sys/block/nullb0/queue/io_poll").strip())
sh("timeout -s KILL 30 /run/polled /dev/mapper/ftm0", 60)
sh("dmsetup remove --retry ftm0; rmmod ft_mirror")
