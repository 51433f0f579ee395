# SPDX-License-Identifier: GPL-2.0
"""A server whose root lies on a mirror: its packages do not go while pairs run, and an upgrade
under load is another ftd and the same pairs.

      10: disk --+
                 +-- ftm0: /   <- a writer
      11: disk --+
"""
from _root import duplex, start_up

start_up(mem=1536)
duplex()
expect("/updates/dkms/" in sh("modinfo -F filename ft_mirror"), "not DKMS's kernel module")
for package in ("ftstack", "ftstack-dkms"):
    said = sh(f"apt-get remove -y {package} 2>&1; echo status $?", 300)
    expect("these pairs run: ftm0" in said and "status 0" not in said, said)
    expect("installed" in sh(f"dpkg -s {package} | grep Status"), f"{package} is gone")
expect(rc("ftctl status") == 0, sh("ftctl status; true"))
note("both packages refuse to go")


def pid():
    return sh("systemctl show -P MainPID ftd").strip()


before, told = pid(), len(kmsg())
job = start("ftwrite /root/data --blocks 512 --batch 4")
job.wait_line("ack")
sh("apt-get install -y --reinstall /root/debs/ftstack_*.deb", 600)
have = len(job.lines)
wait_for(lambda: len(job.lines) > have + 20)
expect("error" not in job.text, job.text[-300:])
expect(pid() not in ("0", before), "ftd was not restarted")
touched = [line for line in kmsg()[told:] if "ft_mirror" in line]
expect(not touched, f"a pair was touched: {touched}")
duplex()
job.kill()
job.wait(check=False)
