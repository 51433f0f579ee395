"""ftd is killed while a module is pulled: the data path does not care.

      +-- 10: NIC, disk --+
    --+                   +-- ftm0 <- writer, ftb0 <- client
      +-- 11: NIC, disk --+   <- pulled without ftd; ten kills in a row; put back
"""
from _server import Writer, answered, duplex, identical, set_up, until

boot(size="64M")
set_up()
sh("ip addr add 10.77.0.2/24 dev ftb0")
start("ftping serve").wait_line("serving")
wait_for(lambda: "1 received" in peer("ping -c 1 -W 1 10.77.0.2", check=False), 60)
client = peer_start("ftping ask 10.77.0.2 --rate 50")
writer = Writer()
writer.begin()

# Held, then killed: it is not there when the module goes.
sh("systemctl kill -s STOP ftd")
pull(11)
writer.more()
sh("dmsetup status ftm0 | grep -q SIMPLEX")
sh("systemctl kill -s KILL ftd")
until("SIMPLEX")

for _ in range(10):
    sh("systemctl kill -s KILL ftd; sleep 0.3")
wait_for("systemctl is-active --quiet ftd", 60)
writer.more()
insert(11)
sh("systemctl kill -s KILL ftd")
duplex()

# Stopped and started: no pair changes.
before = sh("dmsetup table; ip -o link show master ftb0")
sh("systemctl stop ftd")
writer.more()
expect(sh("dmsetup table; ip -o link show master ftb0") == before, "stopping ftd changed a pair")
sh("systemctl start ftd")
duplex()
expect(sh("dmsetup table; ip -o link show master ftb0") == before, "starting ftd changed a pair")

writer.end()
answered(client)
writer.verify()
identical()
