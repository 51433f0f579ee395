"""ext4, then xfs, under load while a leg is pulled, put back and pulled again; checked after.

      +-- 10: disk --+
    --+              +-- ftm0 <- file system <- fio, many files, and a checked writer
      +-- 11: disk --+

Then each leg alone must hold all that was acknowledged.
"""
from _legs import Legs

BESIDE = 70

CHECKS = {"ext4": "e2fsck -fn", "xfs": "xfs_repair -n"}

boot(layers=("bench",), size="400M")
mirror = Legs("--same")
for kind, check in CHECKS.items():
    mirror.assemble()
    sh(f"mkfs.{kind} -q /dev/mapper/ftm0 2>/dev/null || mkfs.{kind} -q -f /dev/mapper/ftm0; "
       "mkdir -p /mnt/x; mount /dev/mapper/ftm0 /mnt/x", 120)
    writer = start("ftwrite /mnt/x/checked --blocks 1024 --shuffled --batch 4")
    # Created, written, renamed and deleted, so that the journal has much to do.
    files = start("while :; do for n in $(seq 40); do head -c 40000 /dev/urandom >/mnt/x/a$n && "
                  "mv /mnt/x/a$n /mnt/x/b$n || exit; done; rm /mnt/x/b*; done")
    writer.wait_line("ack 20")
    for module in (11, 10):
        mirror.pull_and_return(module)
    expect(writer.alive and files.alive, writer.text[-300:] + files.text[-300:])
    files.kill()
    files.wait(check=False)
    writer.kill()
    writer.wait(check=False)
    upto = max(int(text.split()[1]) for _, text in writer.lines if text.startswith("ack "))
    sh("umount /mnt/x", 120)
    sh(f"{check} /dev/mapper/ftm0", 120)
    # What leg 0 holds, then leg 1.
    for module in (11, 10):
        mirror.message(f"remove {module - 10}")
        sh("mount -o ro,norecovery /dev/mapper/ftm0 /mnt/x && ftwrite /mnt/x/checked --verify "
           f"--blocks 1024 --shuffled --upto {upto} && umount /mnt/x")
        mirror.join(module)
        mirror.wait()
    mirror.stop()
    mirror.identical()
    note(f"{kind}: {upto} records")
