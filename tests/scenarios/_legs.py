"""A mirror whose legs are not simply the two disks."""
from _mirror import TOOL, Mirror, tool
from ftguest.verbs import *  # noqa: F403


def linear():
    """A dm-linear device on each disk, which can be suspended: then the leg hangs."""
    for leg, module in enumerate((10, 11)):
        device = disk(module).dev
        sh(f"dmsetup create leg{leg} --table \"0 $(blockdev --getsz {device}) linear {device} 0\"")
    return ("/dev/mapper/leg0", "/dev/mapper/leg1")


class Legs(Mirror):
    """One mirror, ftm0, on two devices that stand for those of modules 10 and 11."""

    def __init__(self, options="", legs=None):
        tool()
        self.legs = legs
        self.size, self.uuid = sh(f"{TOOL} {options} {self.leg(10)} {self.leg(11)}").split()

    def leg(self, module):
        """A leg's device, now."""
        return self.legs[module - 10] if self.legs else disk(module).dev

    def table(self, legs=(10, 11), words=""):
        """The table line; a leg that is not named is "-"."""
        devices = [self.leg(m) if m in legs else "-" for m in (10, 11)]
        count = len(words.split())
        return f"0 {self.size} ft-mirror {self.uuid} {' '.join(devices)} {count} {words}"

    def join(self, module, how="join"):
        """Put a leg back, when the last of its old requests has ended."""
        wait_for(lambda: "failed" not in self.message(f"{how} {module - 10} {self.leg(module)}",
                                                      check=False))

    def pull_and_return(self, module):
        """A leg's module is pulled, and put back a little later; until both are in sync."""
        pull(module)
        self.wait("SIMPLEX")
        sh("sleep 1")
        insert(module)
        self.join(module)
        self.wait()

    def identical(self):
        """Both legs hold the same data. The mirror is stopped."""
        said = sh(f"cmp -i 1048576 -n {int(self.size) * 512} {self.leg(10)} {self.leg(11)} 2>&1",
                  120, check=False)
        expect(said == "", f"the legs differ: {said}")
