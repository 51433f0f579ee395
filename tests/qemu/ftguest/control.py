"""An interactive guest, and the verbs for it from another terminal: scripts/ftvm."""
import argparse
import concurrent.futures
import json
import os
import select
import shutil
import signal
import socket
import socketserver
import sys
import tempfile
import termios
import threading
import tty
from pathlib import Path

from . import layers, verbs
from .machine import Machine
from .process import die_with_parent
from .qmp import connect

USAGE = """\
usage: ftvm guest [--bare] [--kernel KVER] [name=value...]    start one, its console here
       ftvm VERB [argument...] [name=value...]                do something to it

  sh CMD, peer CMD          run a command in the guest, in the peer (10.77.0.1)
  put HOSTFILE PATH         copy a file into the guest
  get PATH HOSTFILE         copy a file out of the guest
  pull M, remove M          take module 10 or 11 out: by surprise, in order
  insert M [same|blank|FILE]    push it in
  link M up|down            its network cable
  blackhole M to|from|both|none
  disk M SLOT ok|dead|hang|slow S|error first=N last=N how=rw
  power_cut [keep=N], power_off, boot [cold=true]
  kmsg                      what the kernel has said
  quit                      end the guest

The names and values of `guest` and `boot` are those of boot() in docs/scenarios.md,
like disks=2 backend=fault.  Ctrl-] at the console ends the guest."""

DOOR = Path(os.environ.get("FTVM") or f"/tmp/ftvm-{os.getuid()}/control")
VERBS = ("sh", "peer", "put", "get", "pull", "remove", "insert", "present", "link", "blackhole",
         "disk", "image", "power_cut", "power_off", "boot", "kmsg", "quit")
GETTY = "systemctl start serial-getty@ttyS0"
WORDS = {"up": True, "down": False, "true": True, "false": False, "none": None}


def _value(text):
    if text in WORDS:
        return WORDS[text]
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _arguments(words):
    """Positional and named arguments of a verb."""
    named = dict(word.split("=", 1) for word in words if "=" in word)
    named = {name: _value(value) for name, value in named.items()}
    if "layers" in named:
        named["layers"] = tuple(named["layers"].split(","))
    return [_value(word) for word in words if "=" not in word], named


def _do(verb, words):
    """Carry out one verb; returns (exit status, what to print)."""
    if verb == "put":
        verbs.put(words[1], Path(words[0]).read_bytes(),
                  Path(words[0]).stat().st_mode & 0o777)
        return 0, ""
    if verb == "get":
        Path(words[1]).write_bytes(verbs.get(words[0]))
        return 0, ""
    if verb == "disk":
        values, named = _arguments(words[3:])
        slot = verbs.disk(int(words[0]), int(words[1]))
        if words[2] not in ("ok", "dead", "hang", "slow", "error", "unflushed"):
            raise ValueError(f"a disk cannot be made {words[2]!r}")
        result = getattr(slot, words[2])(*values, **named)
    else:
        values, named = _arguments(words)
        result = getattr(verbs, verb)(*values, **named)
    if verb == "boot":
        verbs.sh(GETTY)
    if isinstance(result, list):
        return 0, "".join(f"{line}\n" for line in result)
    return 0, "" if result is None else f"{result}\n"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        request = json.loads(self.rfile.readline())
        try:
            if request["verb"] == "quit":
                self.server.quit.set()
                answer = 0, ""
            else:
                answer = self._answer(request["verb"], request["words"])
        except Exception as error:  # whatever it is, the other terminal wants to know
            answer = 1, f"{type(error).__name__}: {error}\n"
        self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _answer(self, verb, words):
        # All in one thread that stays: what a thread starts ends with that thread.
        here = self.server.worker.submit
        if verb not in ("sh", "peer"):
            return here(_do, verb, words).result()
        begin = verbs.start if verb == "sh" else verbs.peer_start
        job = here(begin, " ".join(words)).result()
        job.wait(86400, check=False)
        return job.status, job.text


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path):
        super().__init__(str(path), _Handler)
        self.worker = concurrent.futures.ThreadPoolExecutor(1)
        self.quit = threading.Event()


class _Console:
    """The guest's serial line on this terminal."""

    def __init__(self, folder):
        self._path = folder / "tty"

    def options(self):
        """QEMU's options for it."""
        return ["-chardev", f"socket,id=console,path={self._path},server=on,wait=off,"
                            f"logfile={self._path.parent}/console.log",
                "-serial", "chardev:console"]

    def relay(self, machine, ended):
        """Pass keys and characters on until Ctrl-] or `ended`."""
        terminal = sys.stdin.fileno() if sys.stdin.isatty() else None
        before = termios.tcgetattr(terminal) if terminal is not None else None
        line, guest = None, None
        try:
            if before:
                tty.setraw(terminal)
            while not ended.is_set():
                if machine.guest is not guest:
                    # Another boot: QEMU has made the socket anew.
                    guest = machine.guest
                    line = connect(self._path, lambda: True) if guest else None
                wanted = [fd for fd in (line, terminal) if fd is not None]
                if not wanted:
                    ended.wait(0.2)
                    continue
                for ready in select.select(wanted, [], [], 0.2)[0]:
                    if ready is line:
                        data = line.recv(4096)
                        os.write(1, data)
                        if not data:
                            line = None
                    else:
                        keys = os.read(terminal, 256)
                        if not keys or b"\x1d" in keys:
                            return
                        if line:
                            line.sendall(keys)
        finally:
            if before:
                termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _own(words):
    parser = argparse.ArgumentParser(prog="ftvm guest")
    parser.add_argument("--bare", action="store_true")
    parser.add_argument("--kernel", metavar="KVER")
    parser.add_argument("values", nargs="*", metavar="name=value")
    options = parser.parse_args(words)
    values, named = _arguments(options.values)
    if values:
        parser.error(f"{values[0]!r} is not name=value")
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    DOOR.parent.mkdir(mode=0o700, exist_ok=True)
    if DOOR.exists():
        try:
            connect(DOOR, lambda: False).close()
            sys.exit("ftvm: a guest runs already; `ftvm quit` ends it, or set FTVM to another path")
        except Exception:  # nobody listens: left behind by one that was killed
            DOOR.unlink()
    folder = Path(tempfile.mkdtemp(prefix="ftguest-", dir="/tmp"))
    print("starting a guest...", flush=True)
    try:
        payload = layers.under_test(layers.Kernel(options.kernel), options.bare)
    except layers.LayerError as error:
        shutil.rmtree(folder)
        sys.exit(f"ftvm: {error}")
    machine = Machine(folder, lambda text: None, {"kernel": options.kernel, "payload": payload})
    verbs.use(machine, verbose=False)
    console = _Console(folder)
    machine.console = console.options()
    try:
        machine.boot(**named)
        machine.job(GETTY).wait()
        print("Modules 10 and 11 are in.  In another terminal: scripts/ftvm pull 11\n"
              "Ctrl-] ends the guest.", flush=True)
        with _Server(DOOR) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            console.relay(machine, server.quit)
            server.shutdown()
    except KeyboardInterrupt:
        pass
    finally:
        DOOR.unlink(missing_ok=True)
        machine.close()
        shutil.rmtree(folder, ignore_errors=True)
    print("\nthe guest is off")


def main():
    """ftvm: owner of a guest, or a hand for it."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help", "help"):
        print(USAGE)
        sys.exit(0 if words else 2)
    verb, *words = words
    if verb == "guest":
        _own(words)
        return
    if verb not in VERBS:
        sys.exit(f"ftvm: there is no verb {verb!r}; `ftvm help` lists them")
    if verb in ("put", "get"):
        local = 0 if verb == "put" else 1
        if len(words) != 2:
            sys.exit(f"ftvm: {verb} takes two paths; `ftvm help` says which")
        words[local] = str(Path(words[local]).resolve())
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(str(DOOR))
    except OSError:
        sys.exit("ftvm: no guest runs; start one with `make guest`")
    link.sendall(json.dumps({"verb": verb, "words": words}).encode() + b"\n")
    answer = link.makefile().readline()
    if not answer:
        sys.exit("ftvm: the guest has ended")
    status, text = json.loads(answer)
    (sys.stderr if status and verb not in ("sh", "peer") else sys.stdout).write(text)
    sys.exit(status)


if __name__ == "__main__":
    main()
