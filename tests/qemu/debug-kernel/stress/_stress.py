"""What the stress scenarios share: dice that can be thrown again, and the time there is."""
import os
import random
import sys
import time

from ftguest.paths import REPO
from ftguest.verbs import *  # noqa: F403

# The mirrors and bonds of the ordinary scenarios.
sys.path.insert(0, str(REPO / "tests/scenarios"))

SECONDS = float(os.environ.get("STRESS_SECONDS", "60"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 30))))

dice = random.Random(SEED)
note(f"SEED={SEED} STRESS_SECONDS={SECONDS:.0f}")


_end = None


def time_left():
    """Is there time for one more turn? It runs from the first time this is asked."""
    global _end
    _end = _end or time.monotonic() + SECONDS
    return time.monotonic() < _end


def in_guest(name, lines):
    """Starts a script of many commands, none of which need succeed."""
    put(f"/run/{name}", "\n".join(lines) + "\n", 0o755)
    return start(f"sh /run/{name} >/run/{name}.log 2>&1; true")


def finish(jobs, timeout=300):
    """Waits for scripts; one that does not end is stuck in the kernel."""
    for job in jobs:
        job.wait(timeout, check=False)


def fail_allocations(module, percent):
    """Allocations that this kernel module asks for fail at random from now on."""
    about = f"/sys/module/{module}"
    base, size = sh(f"cat {about}/sections/.text {about}/coresize").split()
    sh("mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug")
    sh(f"""set -e
    for kind in failslab fail_page_alloc; do
        cd /sys/kernel/debug/$kind
        echo 0 >probability; echo 0 >verbose; echo 1 >interval; echo -1 >times
        echo N >task-filter; echo N >ignore-gfp-wait; echo 20 >stacktrace-depth
        echo {base} >require-start; echo {int(base, 16) + int(size):#x} >require-end
    done
    echo 0 >min-order
    echo {percent} >probability; echo {percent} >../failslab/probability
    """)


def allocations_succeed():
    """No more of that."""
    sh("echo 0 >/sys/kernel/debug/failslab/probability;"
       "echo 0 >/sys/kernel/debug/fail_page_alloc/probability")
