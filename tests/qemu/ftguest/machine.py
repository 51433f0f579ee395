"""The server under test: what stays when its power goes.  Its modules, their disks,
the network around it; and the guest that runs on it at the moment."""
import json
import re
import subprocess
import threading
import time
from pathlib import Path

from . import layers, snapshot
from .agent import AgentError
from .guest import PORTS, Guest, power_on
from .nbd import FaultyDisk
from .paths import limit
from .peer import Peer
from .qtest import SECONDARY_BUS
from .switch import Switch

# What a sound kernel never says.
SPLAT = re.compile(
    r"\bWARNING\b|\bBUG\b|\bOops\b|\bKASAN\b|\bUBSAN\b|\bKFENCE\b|general protection|"
    r"possible (recursive|circular) locking|inconsistent lock state|INFO: task .* blocked|"
    r"suspicious RCU|rcu.*detected (expedited )?stall|soft lockup|hard LOCKUP|refcount_t|"
    r"Call Trace|Kernel panic|sleeping function called|unable to handle|kmemleak: [1-9]|"
    r"workqueue lockup|list_(add|del) corruption|Bad page|scheduling while atomic")


class Failure(Exception):
    """The scenario has failed."""


def _bytes(size):
    if isinstance(size, int):
        return size
    return int(size[:-1]) << {"K": 10, "M": 20, "G": 30, "T": 40}[size[-1]]


class Disk:
    """A module's disk, plugged in or lying on the desk."""

    def __init__(self, path, serial, socket=None):
        self.path = path
        self.serial = serial
        self.socket = socket
        self.server = FaultyDisk(path, socket) if socket else None
        self.hung = None  # how to give the registers back

    def node(self, name):
        """QEMU's block device for it."""
        if self.server:
            return {"driver": "nbd", "node-name": name, "reconnect-delay": 0,
                    "server": {"type": "unix", "path": str(self.socket)},
                    "cache": {"direct": True, "no-flush": False}}
        return {"driver": "raw", "node-name": name, "discard": "unmap",
                "file": {"driver": "file", "filename": str(self.path), "locking": "off",
                         "discard": "unmap"}}


class Machine:
    """One server."""

    def __init__(self, folder, log, flavour):
        self.folder = Path(folder)
        self.log = log
        self.flavour = flavour  # keyword arguments of Flavour that boot() may override
        self.guest = None
        self.switch = Switch(self.folder)
        self.netdevs = {module: self.switch.plug_qemu(str(module)) for module in PORTS}
        self._peer = None
        self.disks = {}      # (module, slot) -> Disk that belongs there
        self.plugged = {}    # module -> generation of what is plugged in
        self._generation = 0
        self._serials = 0
        self.down = set()    # modules whose link is down
        self.settings = {}
        self.allowed = []
        self._heard = 0      # so much of the console is a panic's, or was looked at
        self.console = None  # QEMU's options for a console that is more than recorded
        self.icount = False  # the guest's clock counts instructions
        self.boots = 0
        self._kmsg = open(self.folder / "kmsg.log", "a", encoding="utf-8")
        self._kmsg_turn = threading.Lock()
        self.said = []       # all kernel records of all guests so far

    # --- power

    def boot(self, modules=None, disks=1, size="256M", backend="file", cold=False, mem=1024,
             smp=2, cmdline="", icount=False, layers=(), nic=None, wired=False, extra=(),
             fresh=False, installed=None, stops_at=None, crash=""):
        """See docs/scenarios.md."""
        if self.guest and not self.guest.running():
            self.power_cut()  # it has powered itself off, or reset itself
        if self.guest:
            raise Failure("boot: the guest is running; power_cut() or power_off() it first")
        if not self.boots:
            self.settings = {"disks": disks, "size": _bytes(size), "backend": backend,
                             "nic": "e1000e"}
            modules = (10, 11) if modules is None else modules
        elif modules is None:
            modules = sorted(self.plugged)
        self.settings["nic"] = nic or self.settings["nic"]
        self.icount = icount
        netdevs = self.netdevs
        if wired:
            netdevs = {name: f"hubport,id=net{name},hubid={name}" for name in self.netdevs}
            for name in netdevs:
                extra = (*extra, "-netdev", f"hubport,id=far{name},hubid={name}",
                         "-device", f"e1000e,netdev=far{name},mac=52:54:00:00:01:{name}")
        if installed:
            flavour = snapshot.Installed(installed, mem, smp, cmdline, extra)
            cold = True
        else:
            flavour = snapshot.Flavour(layers_=layers, mem=mem, smp=1 if icount else smp,
                                       cmdline=cmdline, icount=icount, extra=extra,
                                       crash=crash, **self.flavour)
        system = self.folder / "system.img"
        options = [*flavour.machine, *flavour.boot, *snapshot.Flavour.disk(system),
                   *(self.console or snapshot.Flavour.console(self.folder))]
        for netdev in netdevs.values():
            options += ["-netdev", netdev]
        self.plugged = {}
        self._heard = 0
        if cold or (self.boots and not fresh):
            if not self.boots:
                flavour.blank_system_disk(system)
                if installed:
                    self._installed(Path(installed))
            for module in modules:
                options += self._cold(module)
            told = len(self.said)

            def switch_on():
                with self._kmsg_turn:
                    del self.said[told:]  # of a boot that has to be done again
                self.guest = Guest(self.folder, options, self._record)
                for module in self.down & set(modules):
                    self._set_link(module)
                return self.guest
            if stops_at:
                switch_on()
                self.until(lambda: stops_at in self.console_text(), 180,
                           f"the console has not said {stops_at!r}", 0.2)
                self.boots += 1
                return
            power_on(switch_on, self.log)
        else:
            kept = flavour.snapshot(self.log)
            told = len(self.said)
            try:
                self._restore(kept, options, modules)
            except TimeoutError:
                # The emulated machine stands still, about once in a hundred times (power_on);
                # there is nothing of what is under test in the kernel yet.
                self.guest.testify()
                self.log("the emulated machine stands still: restoring it again")
                self.guest.end()
                self.plugged = {}
                with self._kmsg_turn:
                    del self.said[told:]
                self._restore(kept, options, modules)
            self.boots += 1
            return
        self.boots += 1
        self._without_fua()
        for module in modules:
            self.wait_devices(module)

    def _without_fua(self):
        """A write is durable when the guest's kernel thinks so (tests/qemu/kmod/nofua.c)."""
        if self.settings["backend"] == "fault":
            self.job("modprobe -q nofua || exit 0; for disk in /sys/class/nvme/nvme*; do"
                     " [ ! -e $disk ] || echo 1 > $disk/rescan_controller; done").wait(60)

    def _restore(self, kept, options, modules):
        """A guest as it was when its snapshot was taken, and the modules plugged in."""
        subprocess.run(["cp", "--sparse=always", str(kept / "system.img"),
                        str(self.folder / "system.img")], check=True)
        self.guest = Guest(self.folder, [*options, "-incoming", f"exec:cat {kept}/memory"],
                           self._record)
        self.guest.resume()
        self.guest.greet(60)
        self._without_fua()
        for module in modules:
            self.insert(module, wait=False)
        for module in modules:
            self.wait_devices(module)

    def _record(self, text):
        head, _, message = text.partition(";")
        with self._kmsg_turn:
            self.said.append(message.split("\n", 1)[0])
            if not self._kmsg.closed:
                fields = head.split(",")
                self._kmsg.write(f"{int(fields[2]) / 1e6:12.6f} {message}" if len(fields) > 2
                                 else text)
                self._kmsg.flush()

    def crash(self, command, timeout=120):
        """The guest panics, and the kernel that it has loaded for that takes over.

        What the dying one says on the console is no failure; the new one's messages
        come from its own log, all of them.
        """
        guest = self._need_guest("crash")
        boot_id = "cat /proc/sys/kernel/random/boot_id"
        old = guest.agent.run(boot_id).wait()
        told, spoken = len(self.said), guest.console.stat().st_size
        guest.agent.run(command)

        def dead():
            if b"Kernel panic" in guest.console.read_bytes()[spoken:]:
                return True
            # Of a panic in an NMI nothing may come to the console.
            try:
                guest.agent.run("true").wait(5, check=False)
                return False
            except TimeoutError:
                return True
        self.until(dead, timeout, "the guest has not panicked")
        guest.reconnect(self._record)

        def another():
            # The dying one's other CPUs may still have answered.
            guest.greet(timeout)
            try:
                return guest.agent.run(boot_id).wait(10) != old
            except TimeoutError:
                return False
        self.until(another, timeout, "no other kernel answers")
        with self._kmsg_turn:
            del self.said[told:]  # what they have passed on
        self._heard = guest.console.stat().st_size

    def power_cut(self, keep=None):
        """Both the server and its disks lose power now."""
        self._need_guest("power_cut").end()
        self._collect()
        self.guest = None
        return sum(disk.server.power_cut(keep) for disk in self.disks.values() if disk.server)

    def power_off(self, timeout=90):
        """Orderly."""
        self.verdict()
        guest = self._need_guest("power_off")
        guest.agent.run("systemctl poweroff --no-block")
        guest.wait_end(timeout)
        self._collect()
        self.guest = None

    def _need_guest(self, verb):
        if not self.guest:
            raise Failure(f"{verb}: no guest is running; boot() it first")
        return self.guest

    def job(self, command):
        """Start a command in the guest."""
        return self._need_guest("sh").agent.run(command)

    # --- modules

    def disk_of(self, module, slot):
        """The disk that belongs in a slot; made when first needed."""
        if (module, slot) not in self.disks:
            self.disks[module, slot] = self._new_disk(module, slot)
        return self.disks[module, slot]

    def _new_disk(self, module, slot, path=None):
        self._serials += 1
        path = path or self.folder / f"disk{module}-{slot}-{self._serials}.img"
        if not path.exists():
            with open(path, "wb") as image:
                image.truncate(self.settings["size"])
        faulty = self.settings["backend"] == "fault"
        if self.settings["backend"] not in ("file", "fault"):
            raise Failure(f"boot: no backend {self.settings['backend']!r}; "
                          "there are 'file' and 'fault'")
        return Disk(path, f"FT{module}-{slot}-{self._serials}",
                    self.folder / f"nbd{self._serials}" if faulty else None)

    def _nic(self, module, generation):
        return {"driver": self.settings["nic"], "id": f"nic{module}g{generation}",
                "bus": f"rp{module}", "addr": "0.0", "multifunction": True,
                "netdev": f"net{module}", "mac": f"52:54:00:00:00:{module}"}

    def _controller(self, module, slot, generation):
        return {"driver": "nvme", "id": f"disk{module}s{slot}g{generation}",
                "bus": f"rp{module}", "addr": f"0.{slot}", "multifunction": True,
                "drive": f"d{module}s{slot}g{generation}",
                "serial": self.disk_of(module, slot).serial}

    def _slots(self):
        return range(1, self.settings["disks"] + 1)

    def _installed(self, folder):
        """Disks of modules that something was installed on."""
        for module in PORTS:
            if (folder / f"{module}.img").exists():
                subprocess.run(["cp", "--sparse=always", str(folder / f"{module}.img"),
                                str(self.disk_of(module, 1).path)], check=True)

    def _cold(self, module):
        """Options for a module that is there from power on."""
        self._generation += 1
        options = []
        for slot in self._slots():
            node = self.disk_of(module, slot).node(f"d{module}s{slot}g{self._generation}")
            options += ["-blockdev", json.dumps(node), "-device",
                        json.dumps(self._controller(module, slot, self._generation))]
        self.plugged[module] = self._generation
        return [*options, "-device", json.dumps(self._nic(module, self._generation))]

    def insert(self, module, disk="same", wait=True):
        """Push a module in."""
        guest = self._need_guest("insert")
        if module not in PORTS:
            raise Failure(f"insert: there is no module {module}; there are "
                          + " and ".join(map(str, PORTS)))
        if self.present(module):
            raise Failure(f"insert: module {module} is plugged in; pull() or remove() it first")
        choice = disk if isinstance(disk, dict) else {slot: disk for slot in self._slots()}
        for slot, what in choice.items():
            if what == "blank":
                self.disks[module, slot] = self._new_disk(module, slot)
            elif what != "same":
                self.disks[module, slot] = self._adopt(module, slot, Path(what))
        if module in self.plugged:
            # Until the guest has switched the empty slot off, QEMU would detach a new
            # card as soon as the guest does.
            self.until(lambda: guest.qtest.slot_off(PORTS[module]), 60,
                       f"the guest has not switched the empty slot of module {module} off")
        self._generation += 1
        generation = self._generation
        for slot in self._slots():
            guest.qmp("blockdev-add", **self.disk_of(module, slot).node(
                f"d{module}s{slot}g{generation}"))
            guest.qmp("device_add", **self._controller(module, slot, generation))
        # Function 0 comes last: it is what raises the hot-plug event.
        guest.qmp("device_add", **self._nic(module, generation))
        self.plugged[module] = generation
        if module in self.down:
            self._set_link(module)
        if wait:
            self.wait_devices(module)

    def _adopt(self, module, slot, path):
        for (other, place), disk in self.disks.items():
            if disk.path == path:
                if (other, place) == (module, slot):
                    return disk
                if not self.present(other):
                    return disk
                copy = self.folder / f"disk{module}-{slot}-copy{self._serials}.img"
                subprocess.run(["cp", "--sparse=always", str(path), str(copy)], check=True)
                return self._new_disk(module, slot, copy)
        if not path.exists():
            raise Failure(f"insert: there is no image {path}")
        return self._new_disk(module, slot, path)

    def present(self, module):
        """Is the module plugged in?"""
        generation = self.plugged.get(module)
        return bool(self.guest and generation and self.guest.has(f"nic{module}g{generation}"))

    def wait_devices(self, module, timeout=60):
        """Wait until the guest has the module's network interface and disks."""
        serials = " ".join(self.disk_of(module, slot).serial for slot in self._slots())
        port = f"/sys/bus/pci/devices/0000:00:{PORTS[module]:02x}.0"
        self.job(
            f"for s in {serials}; do"
            "  until grep -qsx \"$s *\" /sys/class/nvme/*/serial &&"
            "        udevadm wait --timeout=1 /dev/disk/by-id/nvme-*_$s 2>/dev/null;"
            "  do sleep 0.05; done; done;"
            # Not by its address: one that became a bond's port may have the bond's by now.
            f"until ls -d {port}/*/net/* {port}/*/*/net/* 2>/dev/null | grep -q .;"
            " do sleep 0.05; done; udevadm settle").wait(timeout)

    def _unplug(self, module, verb):
        if not self.present(module):
            raise Failure(f"{verb}: module {module} is not plugged in")
        return self.plugged[module]

    def pull(self, module, keep=None):
        """Without warning; the disks' unflushed sectors go with their power."""
        guest = self._need_guest("pull")
        self._unplug(module, "pull")
        guest.pull(PORTS[module], at_once=self.icount)
        for slot in self._slots():
            disk = self.disk_of(module, slot)
            if disk.server:
                disk.server.power_cut(keep)

    def remove(self, module, timeout=60):
        """The attention button; returns when the slot is off and empty."""
        guest = self._need_guest("remove")
        generation = self._unplug(module, "remove")
        guest.qmp("device_del", id=f"nic{module}g{generation}")
        self.until(lambda: not self.present(module), timeout,
                   f"the guest has not released module {module}")
        self.until(lambda: guest.qtest.slot_off(PORTS[module]), timeout,
                   f"the guest has not switched the slot of module {module} off")

    def link(self, module, up):
        """A cable is pulled out or put in."""
        (self.down.discard if up else self.down.add)(module)
        if self.present(module):
            self._set_link(module)

    def _set_link(self, module):
        self.guest.qmp("set_link", name=f"nic{module}g{self.plugged[module]}",
                       up=module not in self.down)

    def blackhole(self, module, direction="both"):
        """The cable is in and the link is up, but frames vanish."""
        if direction not in ("both", "to", "from", None):
            raise Failure("blackhole: the direction is 'to' or 'from' the server, 'both', or None")
        port = self.switch.port(str(module))
        port.mute = direction in ("both", "to")
        port.deaf = direction in ("both", "from")

    def hang_registers(self, module, slot, hang=True):
        """A disk whose registers no longer answer: its memory window is moved away."""
        disk = self.disk_of(module, slot)
        qtest = self._need_guest("disk").qtest
        bus = qtest.read("b", qtest.config(0, PORTS[module]) + SECONDARY_BUS)
        window = qtest.config(bus, 0, slot) + 0x10
        if hang and disk.hung is None:
            disk.hung = qtest.read("l", window), qtest.read("l", window + 4)
            qtest.write("l", window + 4, 0x7F)
        elif not hang and disk.hung is not None:
            qtest.write("l", window + 4, disk.hung[1])
            disk.hung = None

    # --- the rest

    @property
    def peer(self):
        """The second network stack; made when first needed."""
        if not self._peer:
            self._peer = Peer(self.switch, layers.tools())
        return self._peer

    def until(self, condition, timeout, complaint, step=0.02):
        """Wait for a condition of the host's."""
        end = time.monotonic() + limit(timeout)
        while not (result := condition()):
            if self.guest and not self.guest.running():
                raise AgentError("the guest has ended by itself; see console.log")
            if time.monotonic() > end:
                raise TimeoutError(f"{complaint} within {limit(timeout):.0f} s")
            time.sleep(step)
        return result

    def console_text(self):
        """What the guest that runs has said on its console."""
        console = self.folder / "console.log"
        return console.read_text(errors="replace") if console.exists() else ""

    def _collect(self):
        """Keep the console of the guest that has ended."""
        console = self.folder / "console.log"
        if console.exists():
            with open(self.folder / "consoles.log", "ab") as out:
                out.write(console.read_bytes())
        self.splats()
        self._heard = console.stat().st_size if console.exists() else 0

    def splats(self):
        """Fail if a kernel has said what a sound kernel never says."""
        console = self.folder / "console.log"
        text = (console.read_bytes()[self._heard:].decode(errors="replace").splitlines()
                if console.exists() else [])
        with self._kmsg_turn:
            lines = [*self.said, *text]
        bad = [place for place, line in enumerate(lines)
               if SPLAT.search(line) and not any(rule.search(line) for rule in self.allowed)]
        if bad:
            # With what led to each, and the stack below it.
            shown = {near for place in bad for near in range(max(place - 4, 0), place + 24)}
            raise Failure("the guest's kernel said:\n  " + "\n  ".join(
                lines[place] for place in sorted(shown)[:120] if place < len(lines)))

    def verdict(self):
        """The guest's own word that it is sound: silence is failure."""
        word = f"sound-{time.monotonic_ns()}"
        said = self.job(f"/usr/lib/ftguest/verdict {word} {'warned' if self.allowed else ''}"
                        ).wait(120).strip()
        self.splats()
        if said != word:
            raise Failure(f"the guest does not call itself sound: {said}")

    def close(self):
        """Switch everything off."""
        if self.guest:
            self.guest.end()
            self.guest = None
        if self._peer:
            self._peer.close()
        self.switch.close()
        for disk in self.disks.values():
            if disk.server:
                disk.server.close()
        with self._kmsg_turn:
            self._kmsg.close()



