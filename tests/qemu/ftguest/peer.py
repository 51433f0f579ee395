"""The peer: a second network stack on the switch, in namespaces of its own."""
import ctypes
import fcntl
import os
import signal
import struct
import subprocess
import threading
import time

from .agent import AgentError, Job
from .paths import limit
from .process import die_with_parent

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x1002
CLONE_NEWNET = 0x40000000


class Peer:
    """Lives in a network and a process namespace: when the harness ends, however
    it ends, the kernel ends the first process and with it all others."""

    def __init__(self, switch, programs, address="10.77.0.1/24"):
        self._programs = programs
        self._first = subprocess.Popen(
            ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sleep", "infinity"],
            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        self._inside = self._find()
        self._tap = self._open_tap()
        switch.plug_tap("peer", self._tap)
        self.sh(f"ip link set lo up; ip link set eth0 address 02:00:00:00:00:01 up; "
                f"ip addr add {address} dev eth0")

    def _find(self):
        """The process inside the namespaces, once it is there."""
        end = time.monotonic() + limit(20)
        children = f"/proc/{self._first.pid}/task/{self._first.pid}/children"
        while time.monotonic() < end and self._first.poll() is None:
            with open(children, encoding="ascii") as handle:
                found = handle.read().split()
            if found:
                with open(f"/proc/{found[0]}/comm", encoding="ascii") as handle:
                    if handle.read().strip() == "sleep":
                        return int(found[0])
            time.sleep(0.005)
        raise AgentError("the peer's namespaces could not be made; this needs root")

    def _open_tap(self):
        """A tap device in the namespace, its other end here."""
        result = []

        def inside():
            libc = ctypes.CDLL(None, use_errno=True)
            space = os.open(f"/proc/{self._inside}/ns/net", os.O_RDONLY)
            try:
                # A namespace belongs to a thread; this one ends right away.
                if libc.setns(space, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
                tap = os.open("/dev/net/tun", os.O_RDWR)
                fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TAP_NO_PI))
                result.append(tap)
            finally:
                os.close(space)
        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        if not result:
            raise AgentError("the peer's tap device could not be made; "
                             "this needs root and /dev/net/tun")
        return result[0]

    def start(self, command):
        """Start a command in the peer."""
        process = subprocess.Popen(
            ["nsenter", "-t", str(self._inside), "-n", "-p", "-m", "sh", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PATH": f"{self._programs}:{os.environ['PATH']}"})
        job = Job(command, lambda number: os.killpg(process.pid, number))

        def follow():
            while data := process.stdout.read1(65536):
                job.feed(data)
            status = process.wait()
            job.end(status if status >= 0 else 128 - status)
        threading.Thread(target=follow, daemon=True).start()
        return job

    def sh(self, command, timeout=60, check=True):
        """Run a command in the peer and return its output."""
        return self.start(command).wait(timeout, check)

    def close(self):
        """End everything in it."""
        try:
            os.kill(self._inside, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._first.kill()
        self._first.wait()
        os.close(self._tap)
