# SPDX-License-Identifier: GPL-2.0
"""A distribution without our packages: `make dkms-install`, and `make dkms-remove`, which is
refused while pairs run.

    [vda] Debian       10: disk       11: disk
"""
import io
import tarfile

from ftguest import server
from ftguest.paths import REPO

from _packages import built

boot(installed=server.fresh(), cmdline="root=/dev/vda ro", mem=2048)
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode="w:gz") as tar:
    for name in ("Makefile", "dkms.conf", "kmod", "scripts"):
        tar.add(REPO / name, name)
put("/root/sources.tar.gz", archive.getvalue())
sh("mkdir /root/sources && tar -xzf /root/sources.tar.gz -C /root/sources")
sh("DEBIAN_KERNEL_USE_CCACHE=1 make -C /root/sources dkms-install", 1800)
note("installed")
built("$(uname -r)")
sh("modprobe -a ft_core ft_bond && ip link add ftb0 type ftbond")
said = sh("make -C /root/sources dkms-remove 2>&1; echo status $?", 300)
expect("these pairs run: ftb0" in said and "status 0" not in said, said)
built("$(uname -r)")
sh("ip link delete ftb0; make -C /root/sources dkms-remove", 300)
expect(rc("modinfo ft_mirror") != 0 and not sh("dkms status 2>/dev/null").strip(),
       sh("modinfo ft_mirror 2>&1; dkms status; true"))
expect(rc("ls -d /usr/src/ftstack-*") != 0, "the sources are still there")
