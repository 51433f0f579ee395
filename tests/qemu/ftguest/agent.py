"""The host's end of guest/agent.c."""
import os
import socket
import threading
import time

from .paths import limit
from .qmp import connect


class AgentError(Exception):
    """The guest's agent failed or fell silent."""


class Job:
    """A command that runs in the guest (or in the peer)."""

    def __init__(self, command, kill):
        self.command = command
        self.lines = []  # (host's time, text), as they came
        self.status = None
        self.output = b""
        self._kill = kill
        self._rest = b""
        self._news = threading.Condition()

    @property
    def alive(self):
        """Has it not ended yet?"""
        return self.status is None

    @property
    def text(self):
        """All of its output so far."""
        return self.output.decode(errors="replace")

    def feed(self, data):
        """Output has come."""
        now = time.monotonic()
        with self._news:
            self.output += data
            *lines, self._rest = (self._rest + data).split(b"\n")
            self.lines += [(now, line.decode(errors="replace")) for line in lines]
            self._news.notify_all()

    def end(self, status):
        """It has ended."""
        with self._news:
            if self._rest:
                self.lines.append((time.monotonic(), self._rest.decode(errors="replace")))
            self.status = status
            self._news.notify_all()

    def wait(self, timeout=60, check=True):
        """Wait for its end and return its output."""
        with self._news:
            if not self._news.wait_for(lambda: self.status is not None, limit(timeout)):
                raise TimeoutError(f"still running after {limit(timeout):.0f} s: {self.command}\n"
                                   f"its output so far: {self.text[-2000:]}")
        if check and self.status:
            raise AgentError(f"exit status {self.status}: {self.command}\n{self.text[-4000:]}")
        return self.text

    def wait_line(self, text, timeout=60, start=0):
        """Wait for a line that contains `text`; returns (time, line)."""
        def found():
            return next((line for line in self.lines[start:] if text in line[1]), None)
        with self._news:
            self._news.wait_for(lambda: found() or self.status is not None, limit(timeout))
            line = found()
        if not line:
            raise TimeoutError(f"no line with {text!r} from: {self.command}\n{self.text[-2000:]}")
        return line

    def kill(self, signal=15):
        """Send a signal to it and its children."""
        if self.alive:
            self._kill(signal)


class Agent:
    """Runs jobs in the guest and collects what its kernel says."""

    def __init__(self, path, alive, log):
        self._link = connect(path, alive)
        self._turn = threading.Lock()
        self._news = threading.Condition()
        self._jobs = {}
        self._number = 0
        self._log = log
        self.gone = False
        self.kmsg = []    # (host's time, record)
        self.uevents = []  # (host's time, text)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        data = b""
        try:
            while True:
                more = self._link.recv(1 << 18)
                if not more:
                    break
                data += more
                data = data[self._messages(data):]
        except OSError:
            pass
        with self._news:
            self.gone = True
            jobs = list(self._jobs.values())
            self._jobs.clear()
            self._news.notify_all()
        for job in jobs:
            job.feed(b"(the guest is gone)")
            job.end(255)

    def _messages(self, data):
        at = 0
        while True:
            end = data.find(b"\n", at)
            if end < 0:
                return at
            verb, number, arg, size = data[at:end].split()
            size = int(size)
            if len(data) < end + 1 + size:
                return at
            self._take(verb, number.decode(), int(arg), data[end + 1:end + 1 + size])
            at = end + 1 + size

    def _take(self, verb, number, arg, body):
        if verb in (b"kmsg", b"uevent"):
            text = body.decode(errors="replace").replace("\0", "\n")
            with self._news:
                (self.kmsg if verb == b"kmsg" else self.uevents).append((time.monotonic(), text))
                self._news.notify_all()
            if verb == b"kmsg":
                self._log(text)
            return
        with self._news:
            job = self._jobs.get(number)
            if verb == b"end":
                self._jobs.pop(number, None)
        if job and verb == b"out":
            job.feed(body)
        elif job:
            job.end(arg)

    def start(self, verb, body, what, arg=0):
        """Send a request; its answer is a Job."""
        with self._turn:
            self._number += 1
            number = f"{os.getpid()}.{self._number}"
            job = Job(what, lambda signal: self._send("kill", number, signal, b""))
            with self._news:
                if self.gone:
                    raise AgentError(f"the guest is gone: {what}")
                self._jobs[number] = job
            self._send(verb, number, arg, body, locked=True)
        return job

    def _send(self, verb, number, arg, body, locked=False):
        message = f"{verb} {number} {arg} {len(body)}\n".encode() + body
        try:
            if locked:
                self._link.sendall(message)
            else:
                with self._turn:
                    self._link.sendall(message)
        except OSError:
            raise AgentError("the guest is gone") from None

    def run(self, script):
        """Start a shell script."""
        return self.start("run", script.encode(), script)

    def put(self, path, content, mode):
        """Write a file of the guest."""
        job = self.start("put", path.encode() + b"\0" + content, f"put {path}", mode)
        job.wait(check=False)
        if job.status:
            raise AgentError(f"put {path}: {os.strerror(job.status)}")

    def get(self, path):
        """Read a file of the guest."""
        job = self.start("get", path.encode(), f"get {path}")
        job.wait(check=False)
        if job.status:
            raise AgentError(f"get {path}: {os.strerror(job.status)}")
        return job.output

    def greet(self, alive, seconds):
        """Wait until the agent answers; seed the guest, and listen to its kernel."""
        end = time.monotonic() + limit(seconds)
        while True:
            try:
                self.start("seed", os.urandom(64), "seed").wait(1.0, check=False)
                # Who has answered may have been a kernel that was dying: ask all again.
                for what in (b"kmsg", b"uevent"):
                    self.start("watch", what, "watch").wait(10)
                break
            except TimeoutError:
                if not alive():
                    raise AgentError("the guest ended while it booted") from None
                if time.monotonic() > end:
                    raise TimeoutError(
                        f"the guest's agent has not answered for {limit(seconds):.0f} s") from None

    def close(self):
        """End the connection, also for the thread that reads from it."""
        self._log = lambda text: None
        try:
            self._link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the guest has ended it
        self._link.close()
