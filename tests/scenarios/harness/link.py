"""Cables and the segment between server and peer.

    server                     switch        peer 10.77.0.1
      10: NIC 10.77.0.2 -----.---o-----------o
      11: NIC ---------------'
"""
boot()
eth = sh("cd /sys/class/net; grep -l 52:54:00:00:00:10 */address").split("/")[0]
sh(f"ip addr add 10.77.0.2/24 dev {eth}; ip link set {eth} up")
wait_for(f"grep -qx 1 /sys/class/net/{eth}/carrier")
peer("ping -c 3 -i 0.2 -W 2 10.77.0.2")

link(10, False)
wait_for(f"grep -qx 0 /sys/class/net/{eth}/carrier")
link(10, True)
wait_for(f"grep -qx 1 /sys/class/net/{eth}/carrier")
peer("ping -c 1 -w 10 10.77.0.2")

for direction in ("to", "from"):
    blackhole(10, direction)
    expect(sh(f"cat /sys/class/net/{eth}/carrier").strip() == "1", "a black hole takes the link")
    peer("! ping -c 2 -i 0.2 -W 1 10.77.0.2")
blackhole(10, None)
peer("ping -c 1 -w 10 10.77.0.2")

server = start("ftping serve")
server.wait_line("serving")
client = peer_start("ftping ask 10.77.0.2 --rate 50 --seconds 3")
wait_for(lambda: now() and client.alive)
blackhole(10)
sh("sleep 0.5")
blackhole(10, None)
answer = client.wait()
expect(" lost 0 " in answer, f"requests were lost for good: {answer}")
expect(" retransmitted 0 " not in answer, f"the black hole cost nothing: {answer}")
server.kill()

switch().known_types = {0x0800, 0x0806}
switch().capture = []
peer("ping -c 1 -w 10 10.77.0.2")
expect(len(switch().capture) >= 2, "the capture is empty")
