"""What the mirror's own scenarios share: a mirror by dmsetup, without the daemon."""
import subprocess
from pathlib import Path

from ftguest.paths import BUILD
from ftguest.verbs import *  # noqa: F403

TOOLS = Path(__file__).parent.parent / "tools"
TOOL = "/run/mkmirror"


def tool():
    """Puts mkmirror into the guest and loads the kernel module."""
    binary = BUILD / "tools/mkmirror"
    binary.parent.mkdir(parents=True, exist_ok=True)
    source = TOOLS / "mkmirror.c"
    newest = max(file.stat().st_mtime for file in (source, *TOOLS.glob("../../kmod/uapi/*.h")))
    if not binary.exists() or binary.stat().st_mtime < newest:
        subprocess.run(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", binary, source],
                       check=True)
    put(TOOL, binary.read_bytes(), 0o755)
    sh("systemctl stop ftd.service 2>/dev/null; modprobe ft_mirror")


class Mirror:
    """One mirror, ftm0, whose legs are the disks of modules 10 and 11."""

    def __init__(self, options=""):
        tool()
        self.size, self.uuid = sh(
            f"{TOOL} {options} {disk(10).dev} {disk(11).dev}").split()

    def table(self, legs=(10, 11), words=""):
        """The table line; a leg that is not named is "-"."""
        devices = [disk(m).dev if m in legs else "-" for m in (10, 11)]
        count = len(words.split())
        return f"0 {self.size} ft-mirror {self.uuid} {' '.join(devices)} {count} {words}"

    def assemble(self, legs=(10, 11), words="", check=True):
        """Start it; returns what dmsetup said."""
        return sh(f"dmsetup create ftm0 --table '{self.table(legs, words)}' 2>&1", check=check)

    def message(self, text, check=True):
        return sh(f"dmsetup message ftm0 0 {text} 2>&1", check=check)

    def status(self):
        """The fields of dmsetup status, by name."""
        field = sh("dmsetup status ftm0").split()[3:]
        names = ("state reason dev0 state0 reason0 dev1 state1 reason1 dirty sync copied "
                 "repaired gen base read_errors0 write_errors0 rewritten0 read_errors1 "
                 "write_errors1 rewritten1 scrub scrubbed found fixed unreadable")
        return dict(zip(names.split(), field))

    def state(self):
        return self.status()["state"]

    def wait(self, state="DUPLEX", timeout=120):
        wait_for(lambda: self.state() == state, timeout)

    def stop(self):
        sh("dmsetup remove --retry ftm0", 120)

    def show(self, module):
        """gen, base, syncing, sectors by a leg's superblock, or what is wrong with it."""
        return sh(f"{TOOL} --show {disk(module).dev}").strip()

    def identical(self):
        """Both legs hold the same data. The mirror is stopped."""
        said = sh(f"cmp -i 1048576 {disk(10).dev} {disk(11).dev} 2>&1", 120, check=False)
        expect(said == "", f"the legs differ: {said}")
