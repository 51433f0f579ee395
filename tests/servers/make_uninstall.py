# SPDX-License-Identifier: GPL-2.0
"""What `make install` has put there goes again, but not while pairs run.

    10: NIC, disk       11: NIC, disk
"""
from ftguest.paths import BUILD, REPO

from _packages import duplex, refused

boot()
manifest = (BUILD / "user/install_manifest.txt").read_text()
put("/root/manifest", manifest)
sh("mkdir /root/scripts")
for script in ("uninstall", "in-use", "pairs"):
    put(f"/root/scripts/{script}", (REPO / "scripts" / script).read_bytes(), 0o755)
sh("ftctl setup --yes")
duplex()
refused("/root/scripts/uninstall /root/manifest", "ftm0", "ftb0")
expect(rc("test -e /usr/sbin/ftd") == 0, "it was removed all the same")

# As it says.
sh("systemctl stop ftd; dmsetup remove ftm0; ip link delete ftb0")
sh("/root/scripts/uninstall /root/manifest", 120)
left = [path for path in manifest.split() if rc(f"test -e {path} -a ! -d {path}") == 0]
expect(not left, f"left: {left}")
expect(rc("modinfo ft_mirror") != 0, "the kernel modules are still there")
expect(rc("systemctl cat ftd") != 0, "systemd still knows ftd")
expect(rc("test -e /etc/ftstack/ftd.conf") == 0, "the configuration is gone")
