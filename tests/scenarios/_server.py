"""What the whole-server scenarios share: a server set up by ftctl, a writer, its proof."""
import json

from ftguest.verbs import *  # noqa: F403

DEVICE = "/dev/mapper/ftm0"
BLOCKS = 2048


def set_up(options=""):
    """A fresh server, made duplex the way an administrator does it."""
    said = sh(f"ftctl setup --yes {options} 2>&1", 120)
    duplex()
    return said


def ftctl(words, wanted=0):
    """What it says, on both channels; its exit status must be this one."""
    said = sh(f"ftctl {words} 2>&1; echo exit $?")
    note(f"{words}: {said.strip()}")
    expect(said.endswith(f"exit {wanted}\n"), f"ftctl {words}: {said}")
    return said


def duplex(timeout=240):
    """Wait until everything is."""
    wait_for(lambda: rc("ftctl status") == 0, timeout)


def status():
    """What `ftctl status --json` says."""
    return json.loads(sh("ftctl status --json", check=False))


def mirror():
    """The one mirror's part of it."""
    return status()["mirrors"][0]


def until(state, timeout=120):
    """Wait for a state of the mirror, and for ftd to be there and say it."""
    wait_for(lambda: rc("ftctl status") != 3 and mirror()["state"] == state, timeout)


class Writer:
    """Overwrites the mirror in random order; remembers what was acknowledged, here."""

    def __init__(self, batch=4):
        self.batch, self.upto, self.job = batch, 0, None

    def begin(self):
        """Go on where it stopped."""
        self.job = start(f"ftwrite {DEVICE} --direct --shuffled --blocks {BLOCKS} "
                         f"--batch {self.batch} --from {self.upto + 1}")
        self.job.wait_line("ack")

    def more(self, lines=20):
        """Until so many further acknowledgements have come."""
        want = len(self.job.lines) + lines
        wait_for(lambda: len(self.job.lines) >= want or not self.job.alive, 120)
        expect(self.job.alive, f"the writer has stopped: {self.job.text[-300:]}")

    def end(self, kill=True):
        """Stop it, or take note of what it did before the power went."""
        if kill and self.job.alive:
            self.job.kill()
            self.job.wait(check=False)
        acks = [int(text.split()[1]) for _, text in self.job.lines if text.startswith("ack ")]
        self.upto = acks[-1] if acks else self.upto
        expect("error" not in self.job.text, self.job.text[-300:])

    def verify(self):
        """Every acknowledged record is there."""
        said = sh(f"ftwrite {DEVICE} --verify --shuffled --blocks {BLOCKS} --upto {self.upto} "
                  f"--inflight {self.batch}", 120)
        note(said.strip().splitlines()[-1])


def answered(client):
    """Ends the client of ftping; every request has found its answer."""
    client.kill()
    said = client.wait(check=False).strip().splitlines()
    note(said[-1])
    expect(any(line.startswith("done") and " lost 0 " in line for line in said),
           "a request found no answer")


def identical():
    """Both legs hold the same; leaves the mirror stopped."""
    sh("systemctl stop ftd && dmsetup remove --retry ftm0", 120)
    said = sh(f"cmp -i 1048576 -n $(($(blockdev --getsize64 {disk(10).dev}) - 2097152)) "
              f"{disk(10).dev} {disk(11).dev} 2>&1", 120, check=False)
    expect(said == "", f"the legs differ: {said}")
