"""fio writes, reads and verifies while each leg in turn is pulled and put back.

      +-- 10: disk --+
    --+              +-- ftm0 <- fio, all sizes, every block carries a checksum
      +-- 11: disk --+
"""
from _legs import Legs

boot(layers=("bench",), size="64M")
mirror = Legs("--same --region-shift 8")
mirror.assemble()
job = start("fio --name=x --filename=/dev/mapper/ftm0 --direct=1 --ioengine=io_uring --iodepth=16 "
            "--rw=randrw --bsrange=4k-64k --size=48m --verify=crc32c --verify_fatal=1 "
            "--verify_backlog=64 --time_based --runtime=20 --randrepeat=0")
sh("sleep 2")
for module in (10, 11):
    mirror.pull_and_return(module)
expect(job.alive, f"fio had ended before the legs were back: {job.text[-500:]}")
said = job.wait(240, check=False)
note(" / ".join(line.strip() for line in said.splitlines() if "IOPS" in line))
expect(job.status == 0 and "err= 0" in said, said[-1500:])
mirror.stop()
mirror.identical()
