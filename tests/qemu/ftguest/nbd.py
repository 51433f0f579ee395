"""A disk that misbehaves: an NBD server that QEMU uses as a module's disk.

It can err, be slow, hang, die, and it has a volatile write cache: what was not
flushed is lost when its power goes.
"""
import os
import random
import socket
import struct
import threading

SECTOR = 512
READ, WRITE, DISCONNECT, FLUSH, TRIM, WRITE_ZEROES = 0, 1, 2, 3, 4, 6
FUA = 1
EIO = 5
# fixed newstyle, no zero padding; flags: has flags, flush, FUA, trim, write zeroes
HANDSHAKE = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3)
EXPORT_FLAGS = 0x1 | 0x4 | 0x8 | 0x20 | 0x40


class Request:
    """One request of one connection."""

    def __init__(self, link, turn, kind, flags, handle, offset, size, data):
        self.link, self.turn, self.handle = link, turn, handle
        self.kind, self.flags = kind, flags
        self.offset, self.size, self.data = offset, size, data

    def answer(self, error, data=b""):
        """Send the outcome; a connection that is gone wants none."""
        try:
            with self.turn:
                self.link.sendall(struct.pack(">IIQ", 0x67446698, error, self.handle)
                                  + (b"" if error else data))
        except OSError:
            pass


class FaultyDisk:
    """Serves one image file."""

    def __init__(self, image, path):
        self._file = os.open(image, os.O_RDWR)
        self._size = os.fstat(self._file).st_size
        self._state = threading.Lock()
        self._cache = {}  # sector -> content, not yet flushed
        self._links = set()
        self._held = []
        self._mode = "ok"
        self._delay = 0.0
        self._bad = []  # (first sector, last sector, "r", "w" or "rw")
        self.count = {"read": 0, "write": 0, "flush": 0, "error": 0}
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(path))
        self._door.listen(4)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                link, _ = self._door.accept()
            except OSError:
                return
            with self._state:
                self._links.add(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    @staticmethod
    def _take(link, size):
        data = bytearray()
        while len(data) < size:
            more = link.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return bytes(data)

    def _negotiate(self, link):
        link.sendall(HANDSHAKE)
        self._take(link, 4)
        while True:
            _, option, size = struct.unpack(">QII", self._take(link, 16))
            self._take(link, size)

            def reply(kind, body=b"", option=option):
                link.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(body)) + body)
            if option == 1:  # export name
                link.sendall(struct.pack(">QH", self._size, EXPORT_FLAGS))
                return True
            if option in (6, 7):  # info, go
                reply(3, struct.pack(">HQH", 0, self._size, EXPORT_FLAGS))
                reply(3, struct.pack(">HIII", 3, SECTOR, 4096, 32 << 20))
                reply(1)
                if option == 7:
                    return True
            elif option == 2:  # abort
                reply(1)
                return False
            else:
                reply(0x80000001)

    def _serve(self, link):
        turn = threading.Lock()
        try:
            if not self._negotiate(link):
                return
            while True:
                _, flags, kind, handle, offset, size = struct.unpack(
                    ">IHHQQI", self._take(link, 28))
                if kind == DISCONNECT:
                    return
                data = self._take(link, size) if kind == WRITE else b""
                self._receive(Request(link, turn, kind, flags, handle, offset, size, data))
        except OSError:
            pass
        finally:
            with self._state:
                self._links.discard(link)
            link.close()

    def _receive(self, request):
        with self._state:
            if self._mode == "hang":
                self._held.append(request)
                return
            delay = self._delay
        if delay:
            timer = threading.Timer(delay, self._do, (request,))
            timer.daemon = True
            timer.start()
        else:
            self._do(request)

    def _do(self, request):
        kind = {READ: "read", FLUSH: "flush"}.get(request.kind, "write")
        last = (request.offset + max(request.size, 1) - 1) // SECTOR
        error, data = 0, b""
        with self._state:
            if request.link not in self._links:
                return  # pulled meanwhile: the write never reached the disk
            self.count[kind] += 1
            if self._mode == "dead" or any(
                    kind[0] in how and request.offset // SECTOR <= to and last >= first
                    for first, to, how in self._bad):
                error = EIO
                self.count["error"] += 1
            elif request.kind == READ:
                data = self._read(request.offset, request.size)
            elif request.kind in (WRITE, WRITE_ZEROES):
                self._write(request.offset, request.data or bytes(request.size))
                if request.flags & FUA:
                    self._flush(request.offset // SECTOR, last)
            elif request.kind == FLUSH:
                self._flush()
        request.answer(error, data)

    def _read(self, offset, size):
        data = bytearray(os.pread(self._file, size, offset))
        if self._cache:
            for sector in range(offset // SECTOR, (offset + size) // SECTOR):
                if sector in self._cache:
                    at = sector * SECTOR - offset
                    data[at:at + SECTOR] = self._cache[sector]
        return bytes(data)

    def _write(self, offset, data):
        for at in range(0, len(data), SECTOR):
            self._cache[(offset + at) // SECTOR] = data[at:at + SECTOR]

    def _flush(self, first=0, last=None):
        for sector in [s for s in self._cache if first <= s and (last is None or s <= last)]:
            os.pwrite(self._file, self._cache.pop(sector), sector * SECTOR)

    # what a scenario does to it

    def ok(self):
        """No faults any more; what hung is done now."""
        with self._state:
            self._mode, self._delay, self._bad = "ok", 0.0, []
            held, self._held = self._held, []
        for request in held:
            self._do(request)

    def error(self, first=0, last=None, how="rw"):
        """Reads, writes or both fail in a range of 512-byte sectors."""
        with self._state:
            self._bad.append((first, self._size // SECTOR if last is None else last, how))

    def dead(self):
        """Every request fails."""
        with self._state:
            self._mode = "dead"

    def slow(self, seconds):
        """Every request takes this much longer."""
        with self._state:
            self._delay = seconds

    def hang(self):
        """Requests get no answer until ok()."""
        with self._state:
            self._mode = "hang"

    def unflushed(self):
        """How many sectors a power cut would lose now."""
        with self._state:
            return len(self._cache)

    def power_cut(self, keep=None):
        """The disk's power goes: of what was not flushed nothing stays, or (keep a
        number) a random half that depends on that number only."""
        with self._state:
            links, self._links, self._held = self._links, set(), []
            lost = len(self._cache)
            if keep is not None:
                chance = random.Random(keep)
                for sector in sorted(self._cache):
                    if chance.random() < 0.5:
                        os.pwrite(self._file, self._cache[sector], sector * SECTOR)
                        lost -= 1
            self._cache.clear()
        for link in links:
            try:
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        return lost

    def close(self):
        """Orderly end: what is in the cache reaches the image."""
        with self._state:
            self._flush()
        self._door.close()
        os.close(self._file)
