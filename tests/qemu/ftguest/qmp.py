"""QEMU's control socket."""
import json
import socket
import threading
import time

from .paths import limit


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


def connect(path, alive, seconds=20):
    """Connect to a Unix socket that a starting process is about to open."""
    end = time.monotonic() + limit(seconds)
    while True:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(str(path))
            return link
        except OSError:
            link.close()
            if not alive():
                raise QmpError("QEMU ended before it opened its sockets") from None
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


class Qmp:
    """One command at a time; events are collected as they come."""

    def __init__(self, path, alive):
        self._link = connect(path, alive)
        self._stream = self._link.makefile("rb")
        self._turn = threading.Lock()
        self._news = threading.Condition()
        self._answers = {}
        self._number = 0
        self._gone = False
        self.events = []
        self._stream.readline()
        threading.Thread(target=self._read, daemon=True).start()
        self("qmp_capabilities")

    def _read(self):
        try:
            for line in self._stream:
                message = json.loads(line)
                with self._news:
                    if "event" in message:
                        self.events.append(message)
                    else:
                        self._answers[message.get("id")] = message
                    self._news.notify_all()
        except (OSError, ValueError):
            pass
        with self._news:
            self._gone = True
            self._news.notify_all()

    def __call__(self, name, /, **arguments):
        with self._turn:
            self._number += 1
            number = self._number
            request = {"execute": name, "arguments": arguments, "id": number}
            try:
                self._link.sendall(json.dumps(request).encode() + b"\n")
            except OSError:
                raise QmpError(f"{name}: QEMU is gone") from None
            with self._news:
                if not self._news.wait_for(lambda: number in self._answers or self._gone,
                                           limit(60)):
                    raise QmpError(f"{name}: QEMU does not answer")
                answer = self._answers.pop(number, None)
        if answer is None:
            raise QmpError(f"{name}: QEMU is gone")
        if "error" in answer:
            raise QmpError(f"{name}: {answer['error']['desc']}")
        return answer["return"]

    def close(self):
        """End the connection."""
        self._link.close()
