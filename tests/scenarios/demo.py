"""Each module is pulled out from under a running service, and put back.

     ext4, self-checking writer          client 10.77.0.1
                |                               |
     /dev/mapper/ftm0  (mirror)        ftb0 10.77.0.2  (bond)
          /           \\                   /          \\
      disk 10/1     disk 11/1         NIC 10/0     NIC 11/0
     `------------- module 10, module 11 -----------------'

Prints a report for a person who sees it for the first time; fails if an acknowledged
write is lost, a request finds no answer, or the server does not become duplex again.
"""
import re

BLOCKS = 2048  # of 4 KiB: what the writer overwrites in random order
RATE = 200  # writes a second: half of what this guest can do without an accelerator

PICTURE = """
  A server with two I/O modules.  Each holds a network card and a disk.

     a program that writes,              a client elsewhere on the
     syncs, and remembers                network that asks for answers
              |                                  |
        one disk: ftm0                   one network card: ftb0
          /        \\                         /        \\
      [disk]      [disk]                  [card]      [card]
      module 10   module 11               module 10   module 11

  Each module is now pulled out without warning while both go on.
"""


def say(text=""):
    """To the person who watches."""
    print(text, flush=True)


def step(text):
    """One line of the story."""
    say(f"{now():6.1f} s  {text}")


def show_status():
    """What the administrator sees."""
    for line in sh("ftctl status", check=False).rstrip().splitlines():
        say(f"          | {line}")


def copied():
    """Bytes that resync has copied so far."""
    return int(sh("dmsetup status ftm0").split()[13])


def clean():
    """Most regions are: until what mkfs has discarded is, all of it would be copied."""
    dirty, regions = map(int, sh("dmsetup status ftm0").split()[11].split("/"))
    return dirty < regions / 4


def written():
    """Bytes that went through the mirror so far."""
    return int(sh("cat /sys/block/$(basename $(readlink -f /dev/mapper/ftm0))/stat").split()[6]) * 512


def numbers(text):
    """The figures of a closing line, by name."""
    return {name: float(value)
            for name, value in re.findall(r"(\w+) ([\d.]+)", text.strip().splitlines()[-1])}


def acks(job):
    """(record, guest's ns) of each acknowledgement."""
    return [tuple(map(int, line.split()[1:])) for _, line in job.lines if line.startswith("ack ")]


def mib(size):
    """For people."""
    return f"{size / (1 << 20):.1f} MiB"


say(PICTURE)
boot(size="192M")
step("The server is up.  ftctl setup finds the modules and pairs what is in them.")
sh("ftctl setup --yes", 120)
wait_for(lambda: rc("ftctl status") == 0, 240)
sh("ip addr add 10.77.0.2/24 dev ftb0 && ip link set ftb0 up")
sh("mkfs.ext4 -q /dev/mapper/ftm0 && mkdir -p /srv && mount /dev/mapper/ftm0 /srv")
show_status()

server, tcp_server = start("ftping serve"), start("ftping serve --tcp")
server.wait_line("serving")
tcp_server.wait_line("serving")
wait_for(lambda: "1 received" in peer("ping -c 1 -W 1 10.77.0.2", check=False), 60)
writer = start(f"ftwrite /srv/data --blocks {BLOCKS} --shuffled --rate {RATE}")
connection = peer_start("ftping ask 10.77.0.2 --tcp --rate 20")
writer.wait_line("ack ")
wait_for(clean)

report = []
for module in (11, 10):
    say()
    step("A client asks 100 times a second; a program writes and syncs all the time.")
    client = peer_start("ftping ask 10.77.0.2 --rate 100")
    sh("sleep 2")
    first, bytes_before, copied_before = len(acks(writer)), written(), copied()
    pulled = now()
    pull(module)
    step(f"Module {module} is pulled out.")
    wait_for(lambda: rc("ftctl status") == 1, 60)
    show_status()
    sh("sleep 3")
    expect(writer.alive, f"the writer has stopped: {writer.text[-300:]}")
    back = now()
    step(f"Module {module} is put back.")
    insert(module)
    wait_for(lambda: rc("ftctl status") == 0, 240)
    duplex = now()
    step(f"The server is {sh('ftctl status').split()[0]} again, by itself.")
    bytes_meanwhile, bytes_copied = written() - bytes_before, copied() - copied_before
    sh("sleep 1")
    client.kill()
    answers = numbers(client.wait(check=False))
    times = [time for _, time in acks(writer)[max(first - 1, 0):]]
    report.append({
        "module": module,
        "io": max(later - earlier for earlier, later in zip(times, times[1:])) / 1e6,
        "network": answers["longest_gap_ms"], "requests": answers["requests"],
        "lost": answers["lost"], "packets": answers["packets_lost"], "written": bytes_meanwhile,
        "copied": bytes_copied, "away": back - pulled, "duplex": duplex - back})

writer.kill()
writer.wait(check=False)
expect(" error " not in f" {writer.text}", f"a write has failed: {writer.text[-300:]}")
connection.kill()
tcp = numbers(connection.wait(check=False))
upto = acks(writer)[-1][0]
sh("umount /srv && e2fsck -fn /dev/mapper/ftm0 && mount /dev/mapper/ftm0 /srv", 120)
check = f"ftwrite /srv/data --verify --blocks {BLOCKS} --shuffled --upto {upto}"
verdict = sh(check, 120, check=False)
checked = numbers(verdict)
wrong = int(checked["lost"] + checked["corrupt"])

say("\n  Report")
rows = [("", [f"module {r['module']} pulled" for r in report]),
        ("longest gap in I/O", [f"{r['io']:.0f} ms" for r in report]),
        ("longest gap in network traffic", [f"{r['network']:.0f} ms" for r in report]),
        ("requests", [f"{r['requests']:.0f}" for r in report]),
        ("  packets lost on the way", [f"{r['packets']:.0f}" for r in report]),
        ("  without an answer", [f"{r['lost']:.0f}" for r in report]),
        ("module was away", [f"{r['away']:.1f} s" for r in report]),
        ("written meanwhile", [mib(r["written"]) for r in report]),
        ("copied when it came back", [mib(r["copied"]) for r in report]),
        ("duplex after it came back", [f"{r['duplex']:.1f} s" for r in report])]
for title, values in rows:
    say(f"  {title:<32}" + "".join(f"{value:>20}" for value in values))
say(f"\n  {upto} writes were acknowledged; of these lost: {wrong}")
say(f"  one TCP connection lived through it all: {tcp['requests']:.0f} requests, "
    f"{tcp['lost']:.0f} without an answer\n")

expect(wrong == 0, f"acknowledged writes were lost:\n{verdict}")
expect(tcp["lost"] == 0, "the TCP connection broke")
for r in report:
    expect(r["lost"] == 0, f"{r['lost']:.0f} requests found no answer, module {r['module']}")
    expect(r["copied"] < 96 << 20, f"the whole disk was copied, not what differed: {mib(r['copied'])}")
