# SPDX-License-Identifier: GPL-2.0
"""Memory that came back, filled and read again while a card of the dead kernel receives.

    switch ---> stray e1000e, left receiving by the first kernel, no driver in the second

dump.badwords with and without an IOMMU. 0 is right; with nobody to keep the card from the
bus the words that it has written are counted.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _bench import Results  # noqa: E402
import _dump  # noqa: E402

MAC = "52:54:00:00:00:99"
results = Results("dump")
stray = ("-netdev", switch().plug_qemu("stray"), "-device",
         f"e1000e,id=stray,netdev=netstray,mac={MAC},addr=10")
for what, extra, cmdline in (("none", (), ""),
                             ("iommu", ("-device", "intel-iommu"), "intel_iommu=on")):
    _dump.boot_dump(modules=(), nic="virtio-net-pci", extra=(*extra, *stray), cmdline=cmdline,
                    cold=True)
    name = sh(f"grep -l {MAC} /sys/class/net/*/address | cut -d/ -f5").strip()
    expect((rc("test -d /sys/class/iommu/dmar0") == 0) == (what == "iommu"), "no IOMMU")
    wait_for(f"ip link set {name} up promisc on && ethtool {name} | grep -q 'detected: yes'")
    _dump.arm("modprobe.blacklist=e1000e")
    crash()
    expect(rc("test -e /sys/module/e1000e") == 1, "the stray card has a driver")
    said = _dump.wait_saved()
    expect(_dump.read("state") == "RETURNED", said)
    note(said)
    _dump.tool("ftdump")
    free = int(sh("grep MemAvailable /proc/meminfo").split()[1]) >> 10
    job = start(f"/run/ftdump fill {free - 64}")
    job.wait_line("filled", 600)
    before = switch().port("stray").sent
    peer("ping -q -b -f -c 3000 -s 1400 -w 20 10.77.0.255", check=False)
    note(f"{switch().port('stray').sent - before} frames to the stray card")
    words = int(job.wait(600, check=False).split()[-3])
    results.add("dump.badwords" + (".iommu" if what == "iommu" else ""), "ft-dump", words, "",
                f"{free - 64} MiB of 2 GiB filled, stray e1000e received meanwhile")
    power_cut()
results.table()
