"""Tables, messages, suspend and resume in any order and with wrong arguments, under load.

    four scripts at a time --> ftm0 over the disks of 10 and 11
"""
from _stress import *
from _mirror import Mirror

boot(size="64M")
mirror = Mirror("--same --region-shift 8")
legs = [disk(10).dev, disk(11).dev]
sh("modprobe loop; truncate -s 1M /run/small; losetup /dev/loop0 /run/small")
mirror.assemble()
devices = [*legs, "/dev/loop0", "/dev/none", "/dev/mapper/ftm0", "-", "", "7:0", "1:1:1"]
verbs = ["remove", "join", "resolve", "replace", "timeout_ms", "nothing", ""]
numbers = ["0", "1", "2", "-1", "00", "x", "4294967296", ""]


def message():
    words = [dice.choice(verbs), dice.choice(numbers + ["0", "1"] * 3)]
    if dice.random() < 0.7:
        words.append(dice.choice(devices + legs * 3))
    if dice.random() < 0.1:
        words.append("more")
    if words[0] == "timeout_ms":
        words[1:] = [dice.choice(["0", "1", "100", "5000", "4294967295", "-1", "x"])]
    return "dmsetup message ftm0 0 " + " ".join(f"'{word}'" for word in words)


def table():
    words = dice.choice(["", "0", "1 start_alone", "2 survivor 0", "2 survivor 2", "1 survivor",
                         "2 timeout_ms 100", "2 timeout_ms", "9 x", "3 start_alone start_alone",
                         "1 nothing", "-1"])
    uuid = dice.choice([mirror.uuid] * 8 + ["x", "00000000-0000-0000-0000-000000000000"])
    pair = [dice.choice(devices + legs * 4 + ["-"] * 4).replace(" ", "") or "-" for _ in (0, 1)]
    size = dice.choice([mirror.size] * 8 + ["8", "1000000000"])
    return f"0 {size} ft-mirror {uuid} {pair[0]} {pair[1]} {words}"


def command():
    what = dice.random()
    if what < 0.45:
        return message()
    if what < 0.55:
        return f"dmsetup suspend {dice.choice(('', '--noflush', '--nolockfs'))} ftm0"
    if what < 0.70:
        return "dmsetup resume ftm0"
    if what < 0.78:
        return f"dmsetup load ftm0 --table '{table()}'"
    if what < 0.81:
        return "dmsetup clear ftm0"
    if what < 0.85:
        return f"dmsetup create other --table '{table()}'; dmsetup remove other"
    if what < 0.92:
        return "dmsetup status; dmsetup table"
    if what < 0.94:
        return "dmsetup rename ftm0 ftm9; dmsetup rename ftm9 ftm0"
    return "timeout 2 dd if=/dev/zero of=/dev/mapper/ftm0 bs=64k count=8 oflag=direct " \
           f"conv=notrunc seek={dice.randrange(500)}"


def settle():
    """Out of whatever state the commands have left it in; a stuck one fails."""
    sh("dmsetup resume ftm0; dmsetup clear ftm0; dmsetup message ftm0 0 timeout_ms 5000",
       120, check=False)


turn = 0
while time_left():
    turn += 1
    load = [start("for i in $(seq 8); do timeout 3 dd if=/dev/zero of=/dev/mapper/ftm0 bs=32k "
                  "count=400 oflag=direct conv=notrunc 2>/dev/null; sleep 0.1; done"),
            start("for i in $(seq 8); do timeout 3 dd if=/dev/mapper/ftm0 of=/dev/null bs=32k "
                  "iflag=direct count=400 2>/dev/null; sleep 0.1; done")]
    scripts = [in_guest(f"commands{n}", [command() for _ in range(40)]) for n in range(4)]
    # Some of the scripts may wait for a resume that is another's last command.
    while any(job.alive for job in scripts):
        sh("sleep 1; dmsetup resume ftm0", 120, check=False)
    settle()
    finish(load)
    state = sh("dmsetup status ftm0", check=False).strip()
    note(f"turn {turn}: {state}")
    if not state or "BROKEN" in state:
        sh("dmsetup remove --retry ftm0; dmsetup remove other", 120, check=False)
        mirror = Mirror("--region-shift 8")
        mirror.assemble()
    elif dice.random() < 0.3:
        sh("dmsetup remove --retry ftm0", 120)
        said = mirror.assemble(check=False)
        if said.strip():
            note(said.strip())
            mirror = Mirror("--region-shift 8")
            mirror.assemble()
sh("dmsetup remove --retry ftm0; rmmod ft_mirror", 120)
