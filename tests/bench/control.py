# SPDX-License-Identifier: GPL-2.0
"""ftd with 64 bonds and 64 mirrors: how soon it tells, what it costs, how fast a module
is isolated.

    [20] 64 NICs, 64 disks  <--  ftb0..63, ftm0..63  -->  [21] 64 NICs, 64 disks

The modules are root ports with a PCI bridge below; nothing is pulled here.
"""
import json
import os
import sys
from pathlib import Path

from ftguest.paths import BUILD

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results, median  # noqa: E402
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
                file.truncate(8 << 20)
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


def ticks(pid):
    """CPU time of a process so far, in ms."""
    fields = sh(f"cat /proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 10


boot(modules=(), cold=True, mem=2048, extra=tuple(devices()))
load()
sh("systemctl start ftd")
results = Results("control")
sh("ftctl setup --yes", 600)
wait_for("ftctl wait --duplex --timeout 5", 600)
status = json.loads(sh("ftctl status --json"))
expect(len(status["bonds"]) == len(status["mirrors"]) == PAIRS, "not all pairs were made")
pid = sh("systemctl show -P MainPID ftd").strip()
size = f"{PAIRS} bonds, {PAIRS} mirrors"

# From the kernel's date of a carrier loss to the signal at a client.
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
method = f"{len(late)} carrier events, {size}, 2 vCPUs, TCG; kernel's date to busctl monitor"
results.add("control.event.p50.ms", "ftd", round(percentile(late, 0.5), 2), "ms", method)
results.add("control.event.p99.ms", "ftd", round(percentile(late, 0.99), 2), "ms", method)

# CPU of one status: the client's own, and what ftd needs to answer it.
before = ticks(pid)
said = sh("time -p for i in 1 2 3 4 5 6 7 8 9 10; do ftctl status >/dev/null; done 2>&1", 120)
own = sum(float(line.split()[1]) * 1000 for line in said.splitlines()
          if line.startswith(("user", "sys")))
results.add("control.status.cpu.ms", "ftd", round((own + ticks(pid) - before) / 10, 1), "ms",
            f"ftctl's and ftd's CPU time, mean of 10, {size}")

rss = int(sh(f"grep VmRSS /proc/{pid}/status").split()[1]) / 1024
results.add("control.rss.mib", "ftd", round(rss, 1), "MiB", f"VmRSS, {size}")
before = ticks(pid)
sh("sleep 20")
results.add("control.idle.cpu.ms", "ftd", ticks(pid) - before, "ms", f"in 20 s, {size}")

# The call that isolates, less what starting a program and asking takes.
def took(command):
    said = sh(f"a=$(date +%s%N); {command}; b=$(date +%s%N); echo; echo $((b - a))")
    return int(said.split()[-1]) / 1e6


calls = []
for _ in range(ROUNDS + 1):
    idle = median([took("ftnl module 21 >/dev/null") for _ in range(5)])
    calls.append(took("ftnl isolate 21") - idle)
    sh("ftctl module online 21", 120)
    wait_for("ftctl wait --duplex --timeout 5", 600)
results.add("control.isolate.ms", "ftd", round(median(calls), 2), "ms",
            f"ft_core's call, median of {len(calls)}, less a call that does nothing, {size}")
results.table()
