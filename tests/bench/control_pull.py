# SPDX-License-Identifier: GPL-2.0
"""How soon all pairs are told to be SIMPLEX after a pull, and DUPLEX after the return.

    guest: ftm0, ftb0   [10]  <-->  [11] pulled, put back; nothing is written meanwhile

By the host's clock, from the hand at the drawer to the line of `ftctl monitor`.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results, median  # noqa: E402
from _server import duplex, set_up  # noqa: E402

ROUNDS = 7
PAIRS = {"ftm0", "ftb0"}


def told(state, start):
    """When the last of the pairs was told to be in that state."""
    seen = {}
    for when, text in monitor.lines[start:]:
        line = json.loads(text)
        if line["object"] in PAIRS and line["properties"].get("State") == state:
            seen.setdefault(line["object"], when)
    return max(seen.values()) if set(seen) == PAIRS else None


boot(size="64M")
set_up()
results = Results("control")
monitor = start("ftctl monitor --json")
sh("sleep 2")
pulled, returned = [], []
for _ in range(ROUNDS):
    mark, began = len(monitor.lines), time.monotonic()
    pull(11)
    wait_for(lambda: told("SIMPLEX", mark))
    pulled.append((told("SIMPLEX", mark) - began) * 1000)
    sh("sleep 2")
    mark, began = len(monitor.lines), time.monotonic()
    insert(11, wait=False)
    wait_for(lambda: told("DUPLEX", mark))
    returned.append(told("DUPLEX", mark) - began)
    duplex()
    sh("sleep 1")
note(f"pull {pulled}, return {returned}")
method = f"median of {ROUNDS}, 1 bond, 1 mirror, 2 vCPUs, TCG; host's clock, to ftctl monitor"
results.add("control.pull.ms", "ftd", round(median(pulled), 1), "ms", method)
results.add("control.return.s", "ftd", round(median(returned), 2), "s", method)
results.table()
