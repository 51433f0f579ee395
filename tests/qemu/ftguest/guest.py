"""One run of QEMU: from power on, or from a snapshot, to its end."""
import re
import signal
import subprocess
import time

from .agent import Agent, AgentError
from .paths import limit
from .process import die_with_parent
from .qmp import Qmp, QmpError
from .qtest import Qtest

# Root ports: what hangs behind them is an I/O module.
PORTS = {10: 4, 11: 5}
COMMAND_LINE = ("console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off random.trust_cpu=on "
                "cryptomgr.notests no_timer_check tsc=reliable audit=0 net.ifnames=0 apparmor=0 "
                "systemd.show_status=0 rdinit=/init")

# What the guest is asked for when a scenario has failed.
WITNESS = """uptime; dmesg | tail -40; systemctl list-jobs --no-pager; systemctl --failed --no-pager
ip -br link; ls -l /sys/class/nvme /dev/disk/by-id
cat /sys/class/nvme/*/serial /sys/class/nvme/*/state; cat /proc/interrupts
ps -eo pid,stat,wchan:24,time,args
echo w >/proc/sysrq-trigger; dmesg | sed -n '/Show Blocked State/,$p' | tail -200"""

# What QEMU 7.2's threaded TCG does to about one boot in a hundred on a loaded machine:
# a CPU sleeps on although its timer has expired, and who waits for it does so for ever.
LOST_TIMER = re.compile(r"Possible timer handling issue on cpu|soft lockup.*\[agent:")


def power_on(switch_on, log, tested=True):
    """Boots the guest that `switch_on` starts, and returns it with all its services up.

    Once more if the emulated machine has lost a timer's interrupt on the way; and if the boot
    is no test but the making of something to test with, whatever has stopped it.
    """
    for again in (True, False):
        guest = switch_on()
        try:
            guest.greet(180)
            guest.agent.run("systemctl is-system-running --wait").wait(180, check=False)
            break
        except BaseException as error:
            guest.end()
            if not (again and isinstance(error, TimeoutError) and
                    (guest.lost_timer() or not tested)):
                raise
            log("the emulated machine stands still: booting it again")
    return guest


class Guest:
    """A running QEMU with its agent."""

    def __init__(self, folder, options, log):
        self.folder = folder
        self.console = folder / "console.log"
        self._log = log
        self._said = open(folder / "qemu.log", "wb")
        for name in ("qmp", "qtest", "agent"):
            (folder / name).unlink(missing_ok=True)
        command = [
            "qemu-system-x86_64", "-M", "q35", "-nodefaults", "-no-user-config",
            "-display", "none", "-vga", "none", "-no-reboot",
            "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
            "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
            "-qtest", f"unix:{folder}/qtest,server=on,wait=off", "-qtest-log", "/dev/null",
            "-device", "virtio-serial-pci,id=serial,addr=1e.0",
            "-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=ftguest"]
        for module, place in PORTS.items():
            command += ["-device",
                        f"pcie-root-port,id=rp{module},chassis={module},slot={module},"
                        f"port={module:#x},bus=pcie.0,addr={place},bus-reserve=4,"
                        "mem-reserve=8M,pref64-reserve=32M,io-reserve=4096"]
        self.process = subprocess.Popen(
            [str(word) for word in [*command, *options]], stdin=subprocess.DEVNULL,
            stdout=self._said, stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        try:
            self.qmp = Qmp(folder / "qmp", self.running)
            self.qtest = Qtest(folder / "qtest", self.running)
            self.agent = Agent(folder / "agent", self.running, log)
        except BaseException as error:
            self.end()
            said = (folder / "qemu.log").read_text(errors="replace").strip()
            raise QmpError(f"QEMU did not start: {said or error}") from error

    def reconnect(self, log):
        """To the agent of another kernel that runs by now."""
        self.agent.close()
        self.agent = Agent(self.folder / "agent", self.running, log)

    def running(self):
        """Has QEMU not ended?"""
        return self.process.poll() is None

    def resume(self):
        """Let a guest that comes from a snapshot run on."""
        end = time.monotonic() + limit(60)
        while self.qmp("query-status")["status"] == "inmigrate":
            if time.monotonic() > end:
                raise TimeoutError("the snapshot could not be loaded")
            time.sleep(0.01)
        self.qmp("cont")

    def snapshot(self, path):
        """Stop the guest and write it to a file."""
        self.qmp("stop")
        self.qmp("migrate-set-parameters", **{"max-bandwidth": 0})
        self.qmp("migrate", uri=f"exec:cat > '{path}'")
        end = time.monotonic() + limit(120)
        while (status := self.qmp("query-migrate").get("status")) != "completed":
            if status == "failed" or time.monotonic() > end:
                raise QmpError(f"the snapshot could not be written: {status}")
            time.sleep(0.05)

    def pull(self, device, at_once=False):
        """Surprise removal of what is in a root port's slot.

        A CPU that is about to write to a device's register and waits for its turn in
        QEMU does so even if the device has been torn down meanwhile, and QEMU crashes.
        So the devices are first cut off the bus, where no CPU finds them any more, and
        torn down once each CPU has either run on since or has nothing to do.

        at_once: the CPUs stand still meanwhile, so that no time passes for the guest. That
        waits for what its disks are at: not for disks that can misbehave.
        """
        if at_once:
            self.qmp("stop")
            self.qtest.cut(device)
            self.qtest.pull(device)
            self.qmp("cont")
            return
        self.qtest.cut(device)
        pending = {cpu["thread-id"] for cpu in self.qmp("query-cpus-fast")}
        first = {thread: self._cpu_time(thread) for thread in pending}
        idle = dict.fromkeys(pending, 0)
        end = time.monotonic() + limit(5)
        while pending and time.monotonic() < end:
            time.sleep(0.004)
            for thread in list(pending):
                state, spent = self._cpu_time(thread)
                idle[thread] = idle[thread] + 1 if state == "S" else 0
                if spent > first[thread][1] + 1 or idle[thread] >= 3:
                    pending.remove(thread)
        self.qtest.pull(device)

    def _cpu_time(self, thread):
        """State and clock ticks of one of QEMU's threads."""
        with open(f"/proc/{self.process.pid}/task/{thread}/stat", encoding="ascii") as handle:
            fields = handle.read().rpartition(")")[2].split()
        return fields[0], int(fields[11]) + int(fields[12])

    def has(self, device):
        """Is there a device of that id?"""
        return any(entry["name"] == device
                   for entry in self.qmp("qom-list", path="/machine/peripheral"))

    def testify(self):
        """Keep what can be seen of it when something has gone wrong: where its CPUs are, as
        QEMU knows it even of one that hangs, and what its processes and devices say."""
        try:
            text = self.qmp("human-monitor-command", **{"command-line": "info registers -a"})
        except QmpError as error:
            text = f"{error}\n"
        (self.folder / "registers.log").write_text(text)
        try:
            text = self.agent.run(WITNESS).wait(10, check=False)
        except (AgentError, TimeoutError) as error:
            text = f"{error}\n"
        (self.folder / "guest.log").write_text(text)

    def crashed(self):
        """Has QEMU itself crashed?

        The memory map changes when a module is torn out, or the guest moves a device's
        registers, and QEMU 7.2 lets a CPU that is in the middle of a write to any device's
        register look that device up in the new map by its place in the old one (QEMU 8.1
        no longer does).
        """
        return self.process.poll() == -signal.SIGSEGV

    def greet(self, seconds):
        """Wait until the guest's agent answers."""
        self.agent.greet(self.running, seconds)

    def lost_timer(self):
        """Has its kernel found that a timer's interrupt was lost?"""
        said = [text for _, text in self.agent.kmsg]
        said += self.console.read_text(errors="replace").splitlines()
        return any(LOST_TIMER.search(text) for text in said)

    def wait_end(self, timeout):
        """Wait until QEMU has ended by itself."""
        try:
            self.process.wait(limit(timeout))
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"the guest still runs after {limit(timeout):.0f} s") from None
        self.end()

    def end(self):
        """Power off, at once."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for name in ("agent", "qmp"):
            if hasattr(self, name):
                getattr(self, name).close()
        self._said.close()
