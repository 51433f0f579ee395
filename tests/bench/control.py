# SPDX-License-Identifier: GPL-2.0
"""ftd with 64 bonds and 64 mirrors: how soon it tells, what it costs, how fast a module
is isolated.

    [20] 64 NICs, 64 disks  <--  ftb0..63, ftm0..63  -->  [21] 64 NICs, 64 disks

The modules are root ports with a PCI bridge below; nothing is pulled here.
"""
import json
import os
import re
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
said = sh("bash -c 'time -p for i in {1..10}; do ftctl status >/dev/null; done' 2>&1", 120)
own = sum(float(line.split()[1]) * 1000 for line in said.splitlines()
          if line.startswith(("user", "sys")))
results.add("control.status.cpu.ms", "ftd", round((own + ticks(pid) - before) / 10, 1), "ms",
            f"ftctl's and ftd's CPU time, mean of 10, {size}")

rss = int(sh(f"grep VmRSS /proc/{pid}/status").split()[1]) / 1024
results.add("control.rss.mib", "ftd", round(rss, 1), "MiB", f"VmRSS, {size}")


def woken():
    """How often a thread of ftd has slept and was woken."""
    return sum(int(line.split()[1])
               for line in sh(f"cat /proc/{pid}/task/*/status").splitlines()
               if line.startswith("voluntary_ctxt"))


# The watchdog's are 2 in a minute.
before, slept = ticks(pid), woken()
sh("sleep 30")
results.add("control.idle.cpu.ms", "ftd", ticks(pid) - before, "ms", f"in 30 s, {size}")
results.add("control.idle.wakeups", "ftd", woken() - slept, "1", f"in 30 s, {size}")

# The call that isolates, by ftnl's own clock, while mirrors are written to and bonds send;
# and when the last loss was found recorded: by then its superblock is durable. Writers and
# senders belong to four pairs each: more of them only share the CPUs.
busy = start("""for n in 0 1 2 3; do
    while :; do dd if=/dev/zero of=/dev/mapper/ftm$n bs=4k count=256 oflag=direct; done &
    ip addr add 10.9.$n.1/24 dev ftb$n; ping -q -i 0.01 -b 10.9.$n.255 &
done >/dev/null 2>&1; wait""")
isolate = r"""begin=$(date +%s%N); ftnl isolate 21; ftnl pairs >/tmp/pairs
    until [ $(dmsetup status --target ft-mirror |
              awk '$18 !~ /^0+$/ {n++} END {print n + 0}') -ge PAIRS ]; do :; done
    echo recorded $((($(date +%s%N) - begin) / 1000)); cat /tmp/pairs"""
calls, recorded = [], []
for _ in range(ROUNDS + 1):
    sh("sleep 2")
    said = sh(isolate.replace("PAIRS", str(PAIRS)), 60)
    calls.append(int(re.search(r"took (\d+) us", said)[1]) / 1000)
    recorded.append(int(re.search(r"recorded (\d+)", said)[1]) / 1000)
    late = [line for line in said.splitlines() if " DUPLEX " in line]
    expect(not late, f"not switched when the call had returned: {late[:3]}")
    sh("ftctl module online 21", 120)
    wait_for("ftctl wait --duplex --timeout 5", 600)
busy.kill()
note(f"isolate {calls} ms, recorded {recorded} ms")
method = f"under load, median of {len(calls)}, {size}, 2 vCPUs, TCG"
results.add("control.isolate.ms", "ftd", round(median(calls), 2), "ms", "ft_core's call " + method)
results.add("control.isolate.recorded.ms", "ftd", round(median(recorded), 1), "ms",
            "from before ftnl to dmsetup status of all, " + method)
results.table()
