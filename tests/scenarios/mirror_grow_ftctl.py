"""Both disks are replaced by larger ones, one after the other, and the mirror grows under a
mounted file system; then a module is pulled in the midst of it.

    guest: ftd, ext4 on ftm0    [10] disk  <-->  [11] disk, each larger when it comes back
"""
import os

from _server import duplex, ftctl, identical, mirror, set_up

MIB = 1 << 20


def size():
    return int(sh("blockdev --getsize64 /dev/mapper/ftm0"))


def larger(module, mib):
    """The module goes, and comes back with a disk that has more room behind what it held."""
    pull(module)
    wait_for(f"ftctl status | grep -q 'module {module}  REMOVED'")
    expect("both legs are in sync" in ftctl("mirror grow ftm0", 1), "it grew on one leg")
    os.truncate(image(module), mib * MIB)
    insert(module)


boot(size="64M")
set_up()
sh("mkfs.ext4 -q /dev/mapper/ftm0 && mkdir /run/fs && mount /dev/mapper/ftm0 /run/fs && "
   "dd if=/dev/urandom of=/run/fs/before bs=1M count=20 status=none && sync && "
   "sha256sum /run/fs/before > /run/sum")
writer = start("i=0; while i=$((i+1)); do echo $i > /run/fs/n.$((i % 50)) && sync /run/fs/n.* "
               "|| exit 1; echo $i; done")
expect("10/1 has no room" in ftctl("mirror grow ftm0", 1), "it found room")
larger(11, 192)
duplex()
expect("10/1 has no room" in ftctl("mirror grow ftm0 --size 100M", 1), "one disk is small")
larger(10, 160)
duplex()
expect("cannot become smaller" in ftctl("mirror grow ftm0 --size 10M", 1), "it shrank")
expect("at most" in ftctl("mirror grow ftm0 --size 1G", 1), "it grew beyond its disks")
before = size()
ftctl("mirror grow ftm0 --size 100M")
expect(size() == 100 * MIB > before, f"{before} -> {size()}")
wait_for(lambda: mirror()["size"] == 100 * MIB)

# All that is there; a module goes at that moment.
growth = start("ftctl mirror grow ftm0; echo exit $?")
pull(11)
said = growth.wait()
note(said)
insert(11)
duplex()
if size() == 100 * MIB:
    ftctl("mirror grow ftm0")
expect(size() == 158 * MIB, size())
sh("resize2fs /dev/mapper/ftm0 2>&1 && dd if=/dev/urandom of=/run/fs/added bs=1M count=100 "
   "status=none && sync && sha256sum /run/fs/added >> /run/sum", 120)
told = len(writer.lines)
wait_for(lambda: len(writer.lines) > told + 5 or not writer.alive)
expect(writer.alive, writer.text[-300:])
writer.kill()
writer.wait(check=False)
wait_for(lambda: mirror()["reason"] == "NONE", 120)
ftctl("mirror grow ftm0 --size 158M")   # it has that already: no error
sh("umount /run/fs && fsck.ext4 -fn /dev/mapper/ftm0")

# Each module alone has all of it.
for module in (11, 10):
    pull(module)
    wait_for(f"ftctl status | grep -q 'module {module}  REMOVED'")
    sh("echo 3 > /proc/sys/vm/drop_caches; mount /dev/mapper/ftm0 /run/fs && "
       "sha256sum -c /run/sum && umount /run/fs", 60)
    insert(module)
    duplex()
sh("systemctl restart ftd")
duplex()
expect(size() == 158 * MIB, size())
identical()
