"""The verbs of a scenario, each described in docs/scenarios.md.

They act on the one machine of this process.  Helper modules of scenarios may
import them: `from ftguest.verbs import *`.
"""
import re
import time

from .machine import Failure

_here = None
_verbose = False
_start = time.monotonic()

__all__ = ["boot", "sh", "rc", "start", "put", "get", "wait_for", "pull", "remove", "insert",
           "present", "link", "blackhole", "switch", "disk", "image", "power_cut", "power_off",
           "ended", "crash", "peer", "peer_start", "kmsg", "console", "uevents", "allow_kmsg",
           "expect", "note", "now", "Failure"]


def use(machine, verbose):
    """From now on the verbs act on this machine."""
    global _here, _verbose
    _here, _verbose = machine, verbose


def boot(*args, **options):
    """Bring the guest up."""
    _here.boot(*args, **options)
    note("guest is up")


def start(cmd):
    """Start a command in the guest; returns its job."""
    return _here.job(cmd)


def sh(cmd, timeout=60, check=True):
    """Run a command in the guest; returns its output."""
    return start(cmd).wait(timeout, check)


def rc(cmd, timeout=60):
    """Run a command in the guest; returns its exit status."""
    job = start(cmd)
    job.wait(timeout, check=False)
    return job.status


def put(path, content, mode=0o644):
    """Write a file of the guest: text or bytes."""
    _here.job("true").wait()
    _here.guest.agent.put(path, content.encode() if isinstance(content, str) else content, mode)


def get(path):
    """Read a file of the guest, as bytes."""
    return _here.guest.agent.get(path)


def wait_for(condition, timeout=60):
    """Wait until a guest command succeeds, or a function returns true; returns that."""
    if callable(condition):
        return _here.until(condition, timeout, f"{condition} has not come true")
    return _here.until(lambda: rc(condition) == 0, timeout, f"not true: {condition}", 0.05)


def pull(module, keep=None):
    """Pull a module out without warning."""
    _here.pull(module, keep)
    note(f"pulled module {module}")


def remove(module, timeout=60):
    """Take a module out with the guest's consent."""
    _here.remove(module, timeout)
    note(f"removed module {module}")


def insert(module, disk="same", wait=True):
    """Push a module in."""
    _here.insert(module, disk, wait)
    note(f"inserted module {module}, disk {disk}")


def present(module):
    """Is the module plugged in?"""
    return _here.present(module)


def link(module, up):
    """Plug a module's network cable in or out."""
    _here.link(module, up)
    note(f"link of module {module} {'up' if up else 'down'}")


def blackhole(module, direction="both"):
    """Let frames to or from a module vanish; None heals."""
    _here.blackhole(module, direction)
    note(f"black hole at module {module}: {direction}")


def switch():
    """The Ethernet switch: .known_types, .capture, .port(name)."""
    return _here.switch


class _Disk:
    def __init__(self, module, slot):
        self._place = module, slot
        self._disk = _here.disk_of(module, slot)

    def _server(self, verb):
        note(f"disk {self._place[0]}/{self._place[1]}: {verb}")
        if not self._disk.server:
            raise Failure(f"disk().{verb} needs boot(backend='fault')")
        return self._disk.server

    @property
    def serial(self):
        """The serial number that the guest sees."""
        return self._disk.serial

    @property
    def dev(self):
        """Its device node in the guest."""
        return sh(f"readlink -e /dev/disk/by-id/nvme-*_{self.serial}").strip()

    @property
    def count(self):
        """Requests so far: read, write, flush, error."""
        return self._server("count").count

    def ok(self):
        """No faults any more."""
        if self._disk.hung is not None:
            _here.hang_registers(*self._place, hang=False)
        if self._disk.server:
            self._server("ok").ok()

    def error(self, first=0, last=None, how="rw"):
        """A range of 512-byte sectors is bad."""
        self._server("error").error(first, last, how)

    def dead(self):
        """Every request fails."""
        self._server("dead").dead()

    def slow(self, seconds):
        """Every request takes longer."""
        self._server("slow").slow(seconds)

    def hang(self):
        """No request gets an answer any more."""
        if self._disk.server:
            self._server("hang").hang()
        else:
            _here.hang_registers(*self._place)
            note(f"disk {self._place[0]}/{self._place[1]}: hang")

    def unflushed(self):
        """Sectors that a power cut would lose now."""
        return self._server("unflushed").unflushed()


def disk(module, slot=1):
    """A module's disk."""
    return _Disk(module, slot)


def image(module, slot=1):
    """The path of a disk's image on the host."""
    return _here.disk_of(module, slot).path


def power_cut(keep=None):
    """Server and disks lose power; returns the number of sectors lost."""
    lost = _here.power_cut(keep)
    note(f"power cut, {lost} sectors lost")
    return lost


def power_off(timeout=90):
    """Shut the guest down in order."""
    _here.power_off(timeout)
    note("powered off")


def ended(timeout=120):
    """Wait until the guest has reset itself, or switched itself off."""
    _here.guest.wait_end(timeout)
    note("the guest has ended")


def crash(cmd="echo c >/proc/sysrq-trigger", timeout=120):
    """Let the kernel panic; returns when the crash kernel's services are coming up."""
    _here.crash(cmd, timeout)
    note("the crash kernel is up")


def peer(cmd, timeout=60, check=True):
    """Run a command in the peer; returns its output."""
    return _here.peer.sh(cmd, timeout, check)


def peer_start(cmd):
    """Start a command in the peer; returns its job."""
    return _here.peer.start(cmd)


def kmsg():
    """The kernel's messages so far, of all boots, oldest first."""
    return list(_here.said)


def console():
    """What the guest that runs has said on its console."""
    return _here.console_text()


def uevents():
    """The running guest's uevents so far: (host's time, text)."""
    return list(_here.guest.agent.uevents)


def allow_kmsg(pattern):
    """Kernel messages that match are no failure."""
    _here.allowed.append(re.compile(pattern))


def expect(condition, message):
    """The scenario fails with this message unless the condition holds."""
    if not condition:
        raise Failure(message)


def note(text):
    """Say something: seen with -v, and in the log of a failure."""
    line = f"{now():8.3f} {text}"
    _here.log(line)
    if _verbose:
        print(f"    {line}", flush=True)


def now():
    """The host's time in seconds since the scenario began."""
    return time.monotonic() - _start
