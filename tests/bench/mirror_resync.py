"""What is copied when a leg returns after an absence with scattered writes.

    4 KiB writes, at random -> contender --+-- leg 0
                                           +-- leg 1, away meanwhile; writes to it are counted
"""
from _bench import Results, wanted
from _peers import Contender, prepare, ram

MIB = 256
results = Results("mirror")
ABSENCES = (("1m", "--io_size=1m"), ("4m", "--io_size=4m"), ("16m", "--io_size=16m"),
            ("same", "--offset=8m --size=64k --io_size=16m"),
            # ... and away again the moment it was back.
            ("flap", "--offset=9m --size=64k --io_size=16m"))


def written(leg):
    """Bytes written to a leg since it is there."""
    node = sh(f"basename $(readlink -e {leg})").strip()
    return int(sh(f"cat /sys/block/{node}/stat").split()[6]) * 512


class FtMirror(Contender):
    """How a leg of ours goes and comes."""

    def away(self):
        sh(f"dmsetup message x{self.number} 0 remove 1")

    def back(self):
        sh(f"dmsetup message x{self.number} 0 join 1 {self.legs[1]}")
        wait_for(f"dmsetup status x{self.number} | grep -q ' DUPLEX '", 120)


class Md(Contender):
    """How one of md's does."""

    def away(self):
        sh(f"mdadm {self.device} --fail {self.legs[1]} && sleep 1 && "
           f"mdadm {self.device} --remove {self.legs[1]}")

    def back(self):
        sh(f"mdadm {self.device} --re-add {self.legs[1]} && sleep 1; mdadm --wait {self.device}; "
           f"mdadm --detail {self.device} | grep -q 'active sync.*dm-1\\|active sync.*leg1'", 120)


boot(modules=(), mem=1536, icount=True, layers=("bench",))
prepare()
for number, device in enumerate(ram(2, MIB)):
    sh(f"dmsetup create leg{number} --table '0 {MIB * 2048} linear {device} 0'")
for region in (64, 512):
    for name, kind in (("ft-mirror", FtMirror), ("md-bitmap", Md)):
        contender = kind(name)
        device = contender.make(("/dev/mapper/leg0", "/dev/mapper/leg1"), region)
        for absence, options in ABSENCES:
            figure = f"mirror.resync.bytes.{absence}" + (".r512" if region == 512 else "")
            if not wanted(figure):
                continue
            if absence != "flap":
                sh("sleep 25")      # until all bits of the absence before are cleared
            contender.away()
            sh(f"fio --name=x --filename={device} --direct=1 --ioengine=io_uring --iodepth=8 "
               f"--rw=randwrite --bs=4k --norandommap --randrepeat=1 {options}", 120)
            before = written(contender.legs[1])
            contender.back()
            results.add(figure, name, written(contender.legs[1]) - before, "bytes",
                        f"icount, {MIB} MiB in RAM, regions of {region} KiB, fio {options}, "
                        "bytes written to the leg while it is brought up to date")
        contender.remove()

results.table()
for region in ("", ".r512"):
    for absence, _ in ABSENCES:
        figure = f"mirror.resync.bytes.{absence}{region}"
        ratio = results.ratio(figure, "ft-mirror", "md-bitmap")
        if ratio is not None:
            print(f"{figure:28} ft-mirror copies {ratio} x what md-bitmap does (bar 1, superblocks aside)"
                  + (": MISSED" if ratio > 1.02 else ""), flush=True)
