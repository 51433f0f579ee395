# SPDX-License-Identifier: GPL-2.0
"""ftd with 64 bonds and 64 mirrors: how soon it tells, what it costs, how fast a module
is isolated.

    [20] 64 NICs, 64 disks  <--  ftb0..63, ftm0..63  -->  [21] 64 NICs, 64 disks

The modules are root ports with a PCI bridge below; nothing is pulled here. The guest's
clock is counted in instructions, so that a busy host changes no figure: its one CPU does
a thousand million of them in a second.
"""
import json
import os
import re
import sys
from pathlib import Path

from ftguest.paths import BUILD

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results, median, wanted  # noqa: E402
from _bond import load  # noqa: E402

PAIRS = int(os.environ.get("FT_PAIRS", "64"))
ROUNDS = 4
disks = Path(BUILD) / "bench/control"
disks.mkdir(parents=True, exist_ok=True)


def devices():
    """QEMU's options for the two modules."""
    for module, place in ((20, 6), (21, 7)):
        yield from ("-device", f"pcie-root-port,id=rp{module},chassis={module},slot={module},"
                    f"port={module},bus=pcie.0,addr={place}")
        yield from ("-device", f"pcie-pci-bridge,id=br{module},bus=rp{module}")
        for n in range(PAIRS):
            image = disks / f"{module}-{n}.img"
            with open(image, "wb") as file:
                file.truncate(32 << 20)
            common = "vectors=0,disable-legacy=on,multifunction=on"
            yield from ("-device", f"virtio-net-pci,id=n{module}-{n},bus=br{module},{common},"
                        f"addr={1 + n // 8:x}.{n % 8},mac=52:54:01:{module:02x}:00:{n:02x},"
                        "romfile=")
            yield from ("-blockdev", f"driver=file,filename={image},node-name=d{module}-{n},"
                        "cache.no-flush=on")
            yield from ("-device", f"virtio-blk-pci,drive=d{module}-{n},bus=br{module},{common},"
                        f"addr={9 + n // 8:x}.{n % 8},num-queues=1")


def percentile(values, part):
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def spent(pid):
    """CPU time of a process so far, in ms."""
    return sum(int(line.split()[0])
               for line in sh(f"cat /proc/{pid}/task/*/schedstat").splitlines()) / 1e6


boot(modules=(), cold=True, mem=2048, icount=True, extra=tuple(devices()))
load()
sh("udevadm settle -t 300", 600)  # 256 devices take a while
sh("systemctl start ftd")
results = Results("control")
sh("ftctl setup --yes", 600)
wait_for("ftctl wait --duplex --timeout 5", 600)
status = json.loads(sh("ftctl status --json"))
expect(len(status["bonds"]) == len(status["mirrors"]) == PAIRS, "not all pairs were made")
pid = sh("systemctl show -P MainPID ftd").strip()
size = f"{PAIRS} bonds, {PAIRS} mirrors"

# From the kernel's date of a carrier loss to the signal at a client.
if wanted("control.event"):
    names = {bond["name"]: next(m["name"] for m in bond["members"] if m["device"].startswith("21/"))
             for bond in status["bonds"]}
    monitor = start("busctl monitor --json=short org.ftstack.ft1")
    sh("sleep 2")
    for _ in range(ROUNDS):
        for port in names.values():
            sh(f"ip link set {port} down; sleep 0.05; ip link set {port} up; sleep 0.1")
    sh("sleep 2")
    monitor.kill()
    monitor.wait(check=False)
    late = []
    for line in monitor.text.splitlines():
        if not line.startswith("{"):
            continue
        message = json.loads(line)
        if message.get("member") != "PropertiesChanged" or "/bond/" not in message.get("path", ""):
            continue
        changed = message["payload"]["data"][1]
        if "Since" in changed:
            late.append((message["timestamp-realtime"] - changed["Since"]["data"]) / 1000)
    expect(len(late) >= ROUNDS * PAIRS, f"only {len(late)} signals")
    method = f"{len(late)} carrier events, {size}, icount; kernel's date to busctl monitor"
    results.add("control.event.p50.ms", "ftd", round(percentile(late, 0.5), 2), "ms", method)
    results.add("control.event.p99.ms", "ftd", round(percentile(late, 0.99), 2), "ms", method)

# CPU of one status: the client's own, and what ftd needs to answer it.
if wanted("control.status"):
    before = spent(pid)
    said = sh("bash -c 'time -p for i in {1..10}; do ftctl status >/dev/null; done' 2>&1", 120)
    own = sum(float(line.split()[1]) * 1000 for line in said.splitlines()
              if line.startswith(("user", "sys")))
    results.add("control.status.cpu.ms", "ftd", round((own + spent(pid) - before) / 10, 1), "ms",
                f"ftctl's and ftd's CPU time, mean of 10, {size}")

if wanted("control.rss"):
    rss = int(sh(f"grep VmRSS /proc/{pid}/status").split()[1]) / 1024
    results.add("control.rss.mib", "ftd", round(rss, 1), "MiB", f"VmRSS, {size}")


def woken():
    """How often a thread of ftd has slept and was woken."""
    return sum(int(line.split()[1])
               for line in sh(f"cat /proc/{pid}/task/*/status").splitlines()
               if line.startswith("voluntary_ctxt"))


# The watchdog's are 2 in a minute.
if wanted("control.idle"):
    before, slept = spent(pid), woken()
    sh("sleep 30")
    results.add("control.idle.cpu.ms", "ftd", round(spent(pid) - before, 1), "ms", f"in 30 s, {size}")
    results.add("control.idle.wakeups", "ftd", woken() - slept, "1", f"in 30 s, {size}")

# The call that isolates, by ftnl's own clock, while mirrors are written to and bonds send;
# and when a block written to every mirror was answered: that waits for the record on its
# survivor. Writers and senders belong to four pairs each: more only share the CPU.
LOAD = """for n in 0 1 2 3; do
    while :; do dd if=/dev/zero of=/dev/mapper/ftm$n bs=4k count=256 oflag=direct; done &
    ip addr replace 10.9.$n.1/24 dev ftb$n; ping -q -i 0.01 -b 10.9.$n.255 &
done >/dev/null 2>&1; wait"""
if wanted("control.isolate"):
    calls, recorded = [], []
    for _ in range(ROUNDS + 1):
        busy = start(LOAD)
        sh("sleep 0.5", 600)
        # ftd's niceness
        said = sh("nice -n -20 ftnl isolate 21 /dev/mapper/ftm* && ftnl pairs", 600)
        busy.kill()
        busy.wait(check=False)
        calls.append(int(re.search(r"took (\d+) us", said)[1]) / 1000)
        recorded.append(int(re.search(r"answered (\d+) us", said)[1]) / 1000)
        late = [line for line in said.splitlines() if " DUPLEX " in line]
        expect(not late, f"not switched when the call had returned: {late[:3]}")
        sh("ftctl module online 21", 600)
        wait_for("ftctl wait --duplex --timeout 5", 600)
    note(f"isolate {calls} ms, recorded {recorded} ms")
    method = f"under load, median of {len(calls)}, {size}, icount"
    results.add("control.isolate.ms", "ftd", round(median(calls), 2), "ms",
                "ft_core's call " + method)
    results.add("control.isolate.recorded.ms", "ftd", round(median(recorded), 1), "ms",
                "until a block written to each mirror is answered, " + method)
results.table()
