"""Faults of the peers that the mirror must not have: each is shown in them and tried on ours.

    contender --+-- leg 0     the legs fail, vanish and return; what is counted is the 4 KiB
                +-- leg 1     blocks that are wrong although all was acknowledged

A value of 0 is right. The mirror's own scenarios try the same and more.
"""
from _bench import Results, wanted
from _peers import Contender, prepare, ram

MIB = 64
results = Results("mirror")
legs = ("/dev/mapper/leg0", "/dev/mapper/leg1")
METHOD = "2 vCPUs, legs in RAM behind device-mapper"


def leg(number, target=None):
    """Set what a leg is: its disk, or "error"."""
    table = f"0 {MIB * 2048} " + (target or f"linear /dev/ram{number} 0")
    sh(f"dmsetup create leg{number} --table '{table}' 2>/dev/null || "
       f"{{ dmsetup suspend --noflush --nolockfs leg{number} && "
       f"dmsetup load leg{number} --table '{table}' && dmsetup resume leg{number}; }}")


def lose(number):
    leg(number, "error")


def put_block(device, block, text):
    sh(f"yes {text} 2>/dev/null | head -c 4096 | dd of={device} bs=4096 seek={block} count=1 "
       "iflag=fullblock oflag=direct conv=notrunc,fsync status=none")


def get_block(device, block):
    return sh(f"dd if={device} bs=4096 skip={block} count=1 iflag=direct status=none | head -c 3")


def crash(contender):
    """The host is gone, and both disks keep what was written to them."""
    lose(0)
    lose(1)
    sh("udevadm settle; for n in $(seq 50); do test -e /sys/block/md0/md || break; "
       f"mdadm --stop /dev/md{contender.number} && break; sleep 0.2; done 2>&1; "
       f"for d in x{contender.number}; do dmsetup info $d >/dev/null 2>&1 && "
       "dmsetup remove --force --retry $d; done; true", 60)
    leg(0)
    leg(1)


def run_alone(device, number):
    """Writes of one leg that the other never sees."""
    for block in range(30):
        put_block(device, 1000 + 2000 * number + 20 * block, f"ran{number}")


def differing(skip):
    """Blocks in which the legs differ behind their metadata."""
    said = sh(f"cmp -l -i {skip} {legs[0]} {legs[1]} | "
              "awk '{ b[int(($1 - 1) / 4096)] = 1 } END { n = 0; for (i in b) n++; print n }'", 120)
    return int(said)


def md_data(device):
    """Where md's data begin, in bytes."""
    return int(sh(f"mdadm --examine {device} | sed -n 's/.*Data Offset : \\([0-9]*\\) .*/\\1/p'")) * 512


def fresh(name):
    """A new contender on legs that are there."""
    leg(0)
    leg(1)
    contender = Contender(name)
    contender.make(legs, 64, settle=False)
    if name == "ft-mirror":
        _, contender.size, _, contender.uuid, *_ = sh("dmsetup table x0").split()
    return contender


def assemble(ours, used, *words):
    """Ours on these legs, "-" for one that is not there; true if it lets itself be."""
    return rc(f"dmsetup create x0 --table '0 {ours.size} ft-mirror {ours.uuid} {' '.join(used)} "
              f"{len(words)} {' '.join(words)}'") == 0


def peers_mirror():
    """dm-mirror with a disk log, in sync."""
    table = f"0 {MIB * 2048} mirror disk 2 /dev/ram2 128 2 {legs[0]} 0 {legs[1]} 0"
    sh("dd if=/dev/zero of=/dev/ram2 bs=1M count=4 status=none; "
       f"dmsetup create x0 --table '{table}'")
    wait_for("dmsetup status x0 | awk '{ split($7, n, \"/\"); exit n[1] != n[2] }'")
    return table


boot(modules=(), mem=1024, layers=("bench",))
prepare()
# Arrays are assembled here, not by udev as soon as it sees a leg.
sh("mkdir -p /run/udev/rules.d; ln -s /dev/null /run/udev/rules.d/64-md-raid-assembly.rules; "
   "udevadm control --reload")
ram(3, MIB)
leg(0)
leg(1)

# dm-mirror: the leg that was lost first is read after a crash.
if wanted("mirror.fault.stale_primary"):
    table = peers_mirror()
    put_block("/dev/mapper/x0", 5, "old")
    lose(0)
    put_block("/dev/mapper/x0", 5, "new")
    crash(Contender("dm-mirror"))
    sh(f"dmsetup create x0 --table '{table}'")
    sh("sleep 1")
    results.add("mirror.fault.stale_primary", "dm-mirror",
                int(get_block("/dev/mapper/x0", 5) != "new"), "blocks", METHOD)
    sh("dmsetup remove --retry x0")
    contender = fresh("ft-mirror")
    put_block(contender.device, 5, "old")
    lose(0)
    put_block(contender.device, 5, "new")
    crash(contender)
    expect(assemble(contender, legs), "ft-mirror does not start")
    results.add("mirror.fault.stale_primary", "ft-mirror",
                int(get_block(contender.device, 5) != "new"), "blocks", METHOD)
    contender.remove()

# md: starts from the stale leg alone.
if wanted("mirror.fault.stale_start"):
    contender = fresh("md-bitmap")
    put_block(contender.device, 5, "old")
    lose(1)
    put_block(contender.device, 5, "new")
    crash(contender)
    sh(f"mdadm --assemble --run /dev/md0 {legs[1]} 2>&1; true")
    started = rc("grep -q 'md0 : active' /proc/mdstat") == 0
    results.add("mirror.fault.stale_start", "md-bitmap",
                int(started and get_block("/dev/md0", 5) != "new"), "blocks", METHOD)
    contender.remove()
    contender = fresh("ft-mirror")
    put_block(contender.device, 5, "old")
    lose(1)
    put_block(contender.device, 5, "new")
    crash(contender)
    started = assemble(contender, ("-", legs[1]))
    results.add("mirror.fault.stale_start", "ft-mirror",
                int(started and get_block("/dev/mapper/x0", 5) != "new"), "blocks", METHOD)
    contender.remove()

# md: both legs ran alone; they are "in sync", and differ.
if wanted("mirror.fault.split"):
    contender = fresh("md-bitmap")
    sh("sleep 25; mdadm --stop /dev/md0; udevadm settle")
    skip = md_data(legs[0])
    for number in (0, 1):
        sh(f"mdadm --assemble --run --force /dev/md0 {legs[number]} 2>&1")
        run_alone("/dev/md0", number)
        sh("mdadm --stop /dev/md0; udevadm settle")
    sh(f"mdadm --assemble --run /dev/md0 {legs[0]} {legs[1]} 2>&1; sleep 1; "
       f"grep -q '\\[UU\\]' /proc/mdstat || "
       f"{{ grep -q dm-0 /proc/mdstat && mdadm /dev/md0 --re-add {legs[1]} || "
       f"mdadm /dev/md0 --re-add {legs[0]}; }} 2>&1; sleep 1; mdadm --wait /dev/md0; true", 120)
    note(sh("cat /proc/mdstat"))
    in_sync = rc("grep -q '\\[UU\\]' /proc/mdstat") == 0
    sh("mdadm --stop /dev/md0")
    results.add("mirror.fault.split", "md-bitmap", differing(skip) if in_sync else 0, "blocks",
                METHOD + ", legs that differ although md says [UU]")
    contender.remove()
    contender = fresh("ft-mirror")
    sh("dmsetup remove --retry x0")
    for number in (0, 1):
        alone = [device if n == number else "-" for n, device in enumerate(legs)]
        expect(assemble(contender, alone, "start_alone"), "ft-mirror does not start alone")
        run_alone("/dev/mapper/x0", number)
        sh("dmsetup remove --retry x0")
    wrong = 0
    if assemble(contender, legs):
        wait_for("dmsetup status x0 | grep -q ' DUPLEX NONE '")
        sh("dmsetup remove --retry x0")
        wrong = differing(1 << 20)
    results.add("mirror.fault.split", "ft-mirror", wrong, "blocks",
                METHOD + "; it is refused until a survivor is named")
    contender.remove()

# dm-mirror: a leg that has returned stays out until the table is loaded anew.
if wanted("mirror.fault.return"):
    peers_mirror()
    lose(1)
    put_block("/dev/mapper/x0", 5, "new")
    leg(1)
    sh("sleep 10")
    put_block("/dev/mapper/x0", 6, "new")
    results.add("mirror.fault.return", "dm-mirror",
                sum(get_block(legs[1], block) != "new" for block in (5, 6)), "blocks",
                METHOD + ", not on the leg 10 s after it has returned; it takes no message")
    sh("dmsetup remove --retry x0")
    contender = fresh("ft-mirror")
    lose(1)
    put_block(contender.device, 5, "new")
    leg(1)
    wait_for(f"dmsetup message x0 0 join 1 {legs[1]}")
    wait_for("dmsetup status x0 | grep -q ' DUPLEX NONE '")
    put_block(contender.device, 6, "new")
    results.add("mirror.fault.return", "ft-mirror",
                sum(get_block(legs[1], 256 + block) != "new" for block in (5, 6)), "blocks",
                METHOD + ", after the message join")
    contender.remove()

results.table()
wrong = [figure for (figure, name), (value, _) in results.rows.items()
         if name == "ft-mirror" and value]
expect(not wrong, f"ft-mirror has a fault that it must not have: {wrong}")
