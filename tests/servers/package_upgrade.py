# SPDX-License-Identifier: GPL-2.0
"""A server whose root lies on a mirror: its packages do not go while pairs run, and an upgrade
under load is another ftd and the same pairs.

      10: disk --+
                 +-- ftm0: /   <- a writer
      11: disk --+
"""
from _packages import built, duplex, refused
from _root import start_up

start_up(mem=1536)
duplex()
built("$(uname -r)")
for package in ("ftstack", "ftstack-dkms"):
    refused(f"apt-get remove -y {package}", "ftm0")
    expect("installed" in sh(f"dpkg -s {package} | grep Status"), f"{package} is gone")
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
