"""What the benches share: one result a line in BUILD/bench/AREA.jsonl, and a table."""
import json
import os
import statistics
from pathlib import Path

from ftguest.paths import BUILD
from ftguest.verbs import *  # noqa: F403

FIGURE = os.environ.get("FIGURE", "")


def wanted(figure):
    """Is it to be measured? FIGURE=rw4k wants all figures of the area that begin so."""
    return figure.split(".", 1)[1].startswith(FIGURE)


class Results:
    """The figures of one area. A result is a figure of a contender."""

    def __init__(self, area):
        self.path = Path(BUILD) / "bench" / f"{area}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.rows = {}

    def add(self, figure, contender, value, unit, method):
        """One value; the kernel is the guest's."""
        kernel = sh("uname -r").strip()
        row = dict(figure=figure, contender=contender, value=value, unit=unit, kernel=kernel,
                   method=method)
        before = self.path.read_text().splitlines() if self.path.exists() else []
        rows = [old for old in map(json.loads, before)
                if (old["figure"], old["contender"]) != (figure, contender)]
        self.path.write_text("".join(json.dumps(one) + "\n" for one in (*rows, row)))
        self.rows[figure, contender] = (value, unit)
        print(f"  {figure:24} {contender:16} {value:>12} {unit}", flush=True)

    def table(self):
        """Figures down, contenders across; the first one named is ours."""
        if not self.rows:
            return
        figures = list(dict.fromkeys(f for f, _ in self.rows))
        contenders = list(dict.fromkeys(c for _, c in self.rows))
        print(f"\n{'':34}" + "".join(f"{c:>16}" for c in contenders))
        for figure in figures:
            cells = [self.rows.get((figure, c)) for c in contenders]
            unit = next(c[1] for c in cells if c)
            print(f"{figure + ' (' + unit + ')':34}"
                  + "".join(f"{c[0] if c else '-':>16}" for c in cells))
        print(f"\n{self.path}", flush=True)

    def ratio(self, figure, ours, theirs):
        """Ours as a multiple of theirs, or None."""
        a, b = self.rows.get((figure, ours)), self.rows.get((figure, theirs))
        return round(a[0] / b[0], 2) if a and b and b[0] else None

    def bars(self, *rows):
        """(figure, ((contender, least multiple of it), ...)): which are reached, in words."""
        for figure, bars in rows:
            said = []
            for theirs, least in bars:
                ratio = self.ratio(figure, "ft-mirror", theirs)
                if ratio is not None:
                    said.append(f"{ratio} x {theirs} (bar {least}"
                                + (")" if ratio >= least else ": MISSED)"))
            if said:
                print(f"{figure:24} ft-mirror is " + ", ".join(said), flush=True)


def fio(device, rw, bs="4k", depth=1, seconds=2, jobs=1, more=""):
    """Operations per second of one fio job on a device, by fio's own clock."""
    out = sh(f"fio --name=x --filename={device} --direct=1 --ioengine=io_uring --rw={rw} "
             f"--bs={bs} --iodepth={depth} --norandommap --randrepeat=1 --output-format=json "
             f"--numjobs={jobs} --group_reporting --thread "
             + (f"--runtime={round(seconds * 1000)}ms --time_based " if seconds else "") + more, 600)
    job = json.loads(out[out.index("{"):])["jobs"][0]
    return round(max(job["read"]["iops"], job["write"]["iops"]))


def median(values):
    """For what is measured several times."""
    return statistics.median(values)
