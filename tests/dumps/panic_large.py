"""A server whose memory is so large that its blocks are: the crash kernel's are small again.

    68 GiB, blocks of 2 GiB  ->  panic  ->  1 GiB, blocks of 128 MiB  ->  all of it back, in those
"""
from _dumps import *  # noqa: F403

SIZE = 68 << 10  # MiB; more than the host has: little of it is ever touched

boot(mem=SIZE, crash="1024M@256M",
     extra=("-object", f"memory-backend-ram,id=ram,size={SIZE}M,reserve=off",
            "-machine", "memory-backend=ram", "-cpu", "max,hypervisor=off"))
expect(sh("cat /sys/devices/system/memory/block_size_bytes").strip() == "80000000", "small blocks")
set_up()
wait_for("test -b /dev/mapper/ftm0")
sh("mkfs.ext4 -q /dev/mapper/ftm0")
serve("durable")
before = memory()
arm()
said = sh("ftctl dump check", check=False)
expect("crash region" not in said, said)
sh("echo region_mib = 640 >>/etc/ftstack/dump.conf")
said = sh("ftctl dump check", check=False)
expect("has 1024 MiB, and is to have 1280" in said and "crashkernel=1280M@0x10000000" in said, said)
sh("sed -i /region_mib/d /etc/ftstack/dump.conf; sync")

panic()
expect(read("block_size") == "0x8000000", read("block_size"))
note(f"memory {before} MiB, then {memory()} MiB")
expect(memory() > before * 0.97, f"memory {before} MiB, then {memory()} MiB")
duplex()
