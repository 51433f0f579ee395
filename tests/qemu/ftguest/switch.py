"""An Ethernet switch in the harness, with faults: the segment between the modules'
NICs and the peer."""
import os
import select
import socket
import threading
import time


class Port:
    """One place to plug a cable in.  `read` returns a frame, `write` sends one."""

    def __init__(self, name, fd, read, write):
        self.name = name
        self.fd = fd
        self.read = read
        self.write = write
        self.deaf = False  # frames from the station vanish
        self.mute = False  # frames to the station vanish
        self.received = 0
        self.sent = 0


class Switch:
    """Learns addresses; drops what it is told to drop."""

    def __init__(self, folder):
        self._folder = folder
        self._ports = {}
        self._table = {}
        self._wake, self._woken = os.pipe()
        self._ending = False
        self.known_types = None  # a set: drop all other ethertypes
        self.capture = None  # a list: (time, port, frame) of all received frames
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _add(self, port):
        self._ports[port.name] = port
        os.write(self._woken, b"+")

    def plug_qemu(self, name):
        """A port for QEMU; returns its -netdev option."""
        ours, theirs = self._folder / f"sw{name}", self._folder / f"nic{name}"
        link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        link.bind(str(ours))
        link.setblocking(False)
        for room in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            link.setsockopt(socket.SOL_SOCKET, room, 4 << 20)
        self._add(Port(name, link, lambda: link.recv(65536),
                       lambda frame: link.sendto(frame, str(theirs))))
        return (f"dgram,id=net{name},local.type=unix,local.path={theirs},"
                f"remote.type=unix,remote.path={ours}")

    def plug_tap(self, name, fd):
        """A port for a tap device."""
        os.set_blocking(fd, False)
        self._add(Port(name, fd, lambda: os.read(fd, 65536), lambda frame: os.write(fd, frame)))

    def port(self, name):
        """The port of that name: deaf, mute, and its counters."""
        return self._ports[name]

    def _run(self):
        while not self._ending:
            ports = {port.fd: port for port in list(self._ports.values())}
            for ready in select.select([self._wake, *ports], [], [])[0]:
                if ready is self._wake or ready == self._wake:
                    os.read(self._wake, 64)
                    continue
                for _ in range(64):
                    try:
                        frame = ports[ready].read()
                    except OSError:
                        break
                    self._forward(ports[ready], frame)

    def _forward(self, source, frame):
        if source.deaf or len(frame) < 14:
            return
        source.received += 1
        if self.capture is not None:
            self.capture.append((time.monotonic(), source.name, frame))
        kind = int.from_bytes(frame[12:14], "big")
        if self.known_types is not None and kind not in self.known_types:
            return
        self._table[frame[6:12]] = source.name
        goal = None if frame[0] & 1 else self._table.get(frame[:6])
        for port in list(self._ports.values()):
            if port is source or port.mute or goal not in (None, port.name):
                continue
            try:
                port.write(frame)
                port.sent += 1
            except OSError:
                pass  # nobody plugged in, or its queue is full: lost, as on a wire

    def close(self):
        """Switch it off."""
        self._ending = True
        os.write(self._woken, b"-")
        self._thread.join(5)
