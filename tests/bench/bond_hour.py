"""The bond alone: an hour of load and no fault, and it switches not once; then once more with
switches that drop what they do not know. Two hours by the guest's clock, which counts
instructions; HOUR=600 makes them shorter.
"""
import os
import re

from _bench import Results, wanted
from _segment import *

HOUR = int(os.environ.get("HOUR", "3600"))
PROBE_TYPE = "0x88b5"       # ethertype of the probes
results = Results("bond")
# Whoever else watches the path does not probe.
NAME = "ftbond"
DROP = ("for s in a b; do tc -n sw$s qdisc add dev ${s}1 clsact; "
        f"tc -n sw$s filter add dev ${{s}}1 ingress protocol {PROBE_TYPE} matchall action drop; "
        "done")


def hour(figure, before, probing):
    """Switches in an hour after `before`, in which the bond says that of its probes."""
    sh(f"{before}; sleep 2")
    said = in_host(["ftnl bond x"])
    expect(f"probing {probing}" in said, f"{figure}: {said}")
    flows = Flows(rate=500)
    sh(f"sleep {HOUR}", 7200)
    seen = flows.mark()
    flows.stop()
    after = in_host(["ftnl bond x"])
    count = [int(re.search(r"switches (\d+)", text)[1]) for text in (said, after)]
    method = f"icount, {HOUR} s, 500 packets/s each way, probes every {PROBE_MS} ms"
    results.add(figure, NAME, count[1] - count[0], "switches", method)
    results.add(figure + ".lost", NAME, sum(row["lost"] for row in seen.values()), "packets",
                method)


FIGURES = (("bond.path.false.plain", "true", "OK"),
           ("bond.path.false.filtered", DROP, "FILTERED"))
figures_wanted = [row for row in FIGURES if wanted(row[0])]
if figures_wanted:
    boot(modules=(), mem=1024, icount=True, layers=("bench",))
    prepare()
    segment()
    in_host(make(NAME, ("a0", "b0"), probing=True))
    heal()
    for row in figures_wanted:
        hour(*row)
results.table()
