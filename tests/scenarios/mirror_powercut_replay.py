"""Power cuts at hundreds of points of one recorded run: nothing acknowledged is lost.

    writer -> ftm0 --+-- leg 0 --+                    after each point of the log:
        |            +-- leg 1 --+-- log-writes        leg 0' --+
        +------- marks: ack N -------> log      ->     leg 1' --+-- ftm0, checked

While both legs' writes are recorded in one order, legs are lost and return, also
during a resync; at last each leg runs alone, a split brain, and leg 0 is named the
survivor. Then the log is played back up to a point: the legs as a power cut there would
have left them (what was not flushed is gone). The mirror is assembled on them; all that
was acknowledged before the point must be there, nothing of the leg that was given up,
two reads must agree, also with a leg lost between them and after the resync, and the
legs end up equal.
"""
import os
import re
import subprocess
from pathlib import Path

from _mirror import TOOL, tool
from ftguest.paths import BUILD

POINTS = int(os.environ.get("POINTS", "200"))    # of them about 50 around superblock writes
LEG = 8192                      # sectors: 1 MiB before the data, 3 MiB of data
BLOCKS = (LEG - 2048) // 8
BATCHES = (1, 3, 16)            # records that are written before a flush
ASTRAY = 1000001                # the first record that only the leg given up has
SOURCE = Path(__file__).parent.parent / "powercut/ftreplay.c"

# $1 the first record
WRITER = f"""
n=$1
while ! test -e /run/stop; do
    for batch in {' '.join(map(str, BATCHES))}; do
        ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} \
            --from $n --count $batch --batch $batch || exit 1
        n=$((n + batch))
        dmsetup message recorder 0 mark ack-$((n - 1)) || exit 1
    done
    while test -e /run/pause; do sleep 0.05; done
done
"""

# A line a point: play from, to; the last record acknowledged; how many may be newer; a leg
# to lose between the reads, or -
CHECK = f"""
point() {{
    /run/ftreplay --log /dev/ram1 --from $1 --to $2 --dest0 /run/leg0 --split {LEG} \
        --dest1 /run/leg1 || return
    cp /run/leg0 /dev/ram2 && cp /run/leg1 /dev/ram3 || return
    dmsetup create ftm0 --table "$table" || return
    # Two readers at a time, so that both legs are read before they are made equal.
    dd if=/dev/mapper/ftm0 of=/run/other bs=64k iflag=direct status=none &
    dd if=/dev/mapper/ftm0 of=/run/before bs=64k iflag=direct status=none || return
    wait && cmp /run/other /run/before || return
    verified=$(ftwrite /dev/mapper/ftm0 --verify --shuffled --blocks {BLOCKS} --upto $3 \
        --inflight {max(BATCHES)}) || {{ echo "$verified"; return 1; }}
    newer=${{verified##* newer }}
    [ ${{newer%% *}} -le $4 ] || {{ echo "more than what was under way: $verified"; return 1; }}
    case "$5,$(dmsetup status ftm0)" in [01],*DUPLEX*)
        dmsetup message ftm0 0 remove $5 && cmp /dev/mapper/ftm0 /run/before || return
        until dmsetup message ftm0 0 join $5 /dev/ram$(($5 + 2)); do sleep 0.05; done
    esac
    while :; do
        case "$(dmsetup status ftm0)" in
        *" DUPLEX NONE "*) break ;;
        *" BROKEN "*) return 1 ;;
        esac
        sleep 0.05
    done
    cmp /dev/mapper/ftm0 /run/before && dmsetup remove --retry ftm0 &&
        cmp -i 1048576 -n $(({LEG - 2048} * 512)) /dev/ram2 /dev/ram3
}}
export DM_DISABLE_UDEV=1
table=$(cat /run/table)
while read from to upto newer leg; do
    said=$(point $from $to $upto $newer $leg 2>&1 </dev/null) || {{
        echo "failed $to $leg: $said"; dmsetup status; exit 1; }}
    echo "good $to"
done </run/points
"""


def build():
    binary = BUILD / "tools/ftreplay"
    binary.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-static", "-O2", "-Wall", "-Werror", "-o", binary, SOURCE], check=True)
    put("/run/ftreplay", binary.read_bytes(), 0o755)


def table(leg, target):
    sh(f"dmsetup suspend leg{leg} && dmsetup load leg{leg} --table '0 {LEG} {target}' && "
       f"dmsetup resume leg{leg}")


def lose(leg):
    table(leg, "error")
    wait_for(lambda: state() == "SIMPLEX" or not writer.alive)
    expect(writer.alive, f"the writer has ended: {writer.text}")


def give_back(leg):
    table(leg, f"linear /dev/mapper/recorder {leg * LEG}")
    wait_for(f"dmsetup message ftm0 0 join {leg} /dev/mapper/leg{leg}")


def state():
    return sh("dmsetup status ftm0").split()[3]


def pause():
    """Until the bits of what was written are cleared."""
    sh("touch /run/pause")
    wait_for(lambda: re.search(r" 0/\d+ ", sh("dmsetup status ftm0")))
    sh("rm /run/pause")


def assemble(leg0, leg1, *words):
    sh(f"dmsetup create ftm0 --table '0 {size} ft-mirror {uuid} {leg0} {leg1} "
       f"{len(words)} {' '.join(words)}'")


def stop(writer):
    sh("touch /run/stop")
    writer.wait(60)
    sh("dmsetup remove --retry ftm0; rm /run/stop", 120)
    return acknowledged(writer) + 1


def acknowledged(writer):
    return max(int(text.split()[1]) for _, text in writer.lines if text.startswith("ack"))


boot(modules=())
tool()
build()
put("/run/writer", WRITER)
put("/run/check", CHECK)
sh("modprobe brd rd_nr=4 rd_size=131072 && modprobe dm_log_writes")
sh(f"dmsetup create recorder --table '0 {2 * LEG} log-writes /dev/ram0 /dev/ram1'")
for leg in (0, 1):
    sh(f"dmsetup create leg{leg} --table '0 {LEG} linear /dev/mapper/recorder {leg * LEG}'")
size, uuid = sh(f"{TOOL} --same --region-shift 7 /dev/mapper/leg0 /dev/mapper/leg1").split()
leg0, leg1 = "/dev/mapper/leg0", "/dev/mapper/leg1"
assemble(leg0, leg1)

# The recorded run.
sh("dmsetup message recorder 0 mark begin")
writer = start("sh /run/writer 1")
sh("sleep 1")
pause()
sh("sleep 0.5")
lose(1)
sh("sleep 1")
give_back(1)
wait_for(lambda: state() == "DUPLEX")
lose(0)
sh("sleep 0.5")
for _ in range(3):              # lost again, in the midst of the resync if that is slow enough
    give_back(0)
    lose(0)
give_back(0)
wait_for(lambda: state() == "DUPLEX")
pause()
lose(1)                         # the record, and at once a return with nothing to write
give_back(1)
wait_for(lambda: state() == "DUPLEX")
sh("sleep 0.5")
number = stop(writer)

sh("dmsetup message recorder 0 mark split")
assemble("-", leg1, "start_alone")
sh(f"ftwrite /dev/mapper/ftm0 --direct --shuffled --blocks {BLOCKS} --from {ASTRAY} --count 30 "
   "--batch 3 && dmsetup remove --retry ftm0")
assemble(leg0, "-", "start_alone")
writer = start(f"sh /run/writer {number}")
sh("sleep 0.5")
number = stop(writer)
assemble(leg0, leg1, "survivor", "0")
writer = start(f"sh /run/writer {number}")
wait_for(lambda: state() == "DUPLEX")
sh("sleep 0.5")
stop(writer)
sh("dmsetup remove leg0 && dmsetup remove leg1 && dmsetup remove recorder", 120)

entries = [line.split(" ", 1)[1] for line in sh("/run/ftreplay --log /dev/ram1 --list").splitlines()]
begin = entries.index("mark begin") + 1
split = entries.index("mark split")
acked, upto = [], 0
for entry in entries:
    if entry.startswith("mark ack-"):
        upto = int(entry.split("-")[1])
    acked.append(upto)
# Around each superblock write, and evenly between.
supers = {leg * LEG + sector for leg in (0, 1) for sector in (8, 128)}
wanted = set()
for number, entry in enumerate(entries):
    where = re.match(r"write (\d+)\+", entry)
    if where and int(where.group(1)) in supers and number >= begin:
        wanted |= {number, number + 1}
note(f"{len(entries)} entries, {upto} records acknowledged, {len(wanted) // 2} superblock writes")
expect(upto > 100 and len(wanted) >= 12, "the recorded run is too poor to prove anything")
step = len(entries) - begin
while len(wanted | set(range(begin, len(entries) + 1, step))) < POINTS and step > 1:
    step -= 1
wanted |= {*range(begin, len(entries) + 1, step), len(entries)}

# The points.
put("/run/table", f"0 {size} ft-mirror {uuid} /dev/ram2 /dev/ram3 2 survivor 0")
points, played = [], 0
for turn, point in enumerate(sorted(wanted)):
    # Until leg 0 has run alone, what leg 1 wrote is part of the one history that there is.
    alone = point > split and acked[point - 1] == acked[split]
    points.append((played, point, acked[point - 1], BLOCKS if alone else max(BATCHES),
                   "-01"[turn % 3]))
    played = point
put("/run/points", "".join("%d %d %d %d %s\n" % point for point in points))
sh(f"truncate -s {LEG * 512} /run/leg0 /run/leg1")
# Nobody else looks at hundreds of mirrors as they come and go.
sh("systemctl stop systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket")
began = now()
checks = start("sh /run/check")
checks.wait(3 * len(points) + 60, check=False)
good = sum(text.startswith("good") for _, text in checks.lines)
if good < len(points):
    _, point, known, *_ = points[good]
    raise Failure(f"after entry {point} ({entries[point - 1]}), {known} records acknowledged:\n"
                  + checks.text[-2000:])
note(f"{good} points, {1000 * (now() - began) / good:.0f} ms each")
