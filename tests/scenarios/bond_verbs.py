"""ftctl bond: made, set, looked at, switched, removed by hand; without ftd and with it."""
import json

from _bond import *

boot()
load()
define()
names = {module: nic(module) for module in (10, 11)}
one, two = names[10], names[11]


def shown():
    """What ftctl says of ftb0, for programs."""
    job = start("ftctl bond show ftb0 --json")
    job.wait(check=False)
    return json.loads(job.text)


expect("no bonds" in sh("ftctl bond show"), "bonds out of nowhere")
expect(json.loads(sh("ftctl bond show --json")) == [], "bonds out of nowhere, for programs")
refused("ftctl bond show ftb0", "there is no bond ftb0")
refused("ftctl bond show lo", "but no ftbond")
refused("ftctl bond create -- ../x " + one, "cannot have this name")
refused(f"ftctl bond create lo {one} {two}", "already")
refused(f"ftctl bond create ftb0 {one} {one}", "not one twice")
refused(f"ftctl bond create ftb0 {one} nothere", "no such network interface")
refused(f"ftctl bond create ftb0 {one} lo", "loopback")
refused(f"ftctl bond create ftb0 {one} {two} --probe-interval 10001", "10001")
refused(f"ftctl bond create ftb0 {one} {two} --failback maybe", "maybe")
refused(f"ftctl bond create ftb0 {one} {two} --primary lo", "not a port of the bond")
expect(rc("ip link show ftb0") != 0, "half a bond was left behind")

sh(f"ftctl bond create ftb0 {one} {two} --primary {one} --failback always --hold-down 60000 "
   "--probe-interval 100 --announce-count 5 --announce-spacing 50")
sh("ip addr add 10.77.0.2/24 dev ftb0")
state("DUPLEX")
wait_for(lambda: shown()["probing"] == "OK")
seen = shown()
expect(seen["state"] == "DUPLEX" and seen["up"] and seen["active"] == one, seen)
expect([port["state"] for port in seen["ports"]].count("STANDBY") == 1, seen)
expect((seen["primary"], seen["failback"], seen["hold_down_ms"], seen["probe_interval_ms"],
        seen["announce_count"], seen["announce_spacing_ms"], seen["allow_same_module"])
       == (one, "always", 60000, 100, 5, 50, False), seen)
expect(seen["switches"] == 0 and seen["last_switch"] is None, seen)
expect(seen["ports"][0]["probes_arrived"] > 0, seen)

# One setting leaves the others as they are; what is wrong changes nothing.
sh("ftctl bond set ftb0 --failback never --primary none")
seen = shown()
expect((seen["failback"], seen["primary"], seen["hold_down_ms"]) == ("never", None, 60000), seen)
refused("ftctl bond set ftb0", "nothing to set")
refused("ftctl bond set ftb0 --primary lo --hold-down 7", "not a port of the bond")
expect(shown()["hold_down_ms"] == 60000, "half of it was set")
sh("ftctl bond set ftb0 --allow-same-module true --probe-interval 0")
expect(shown()["allow_same_module"] and shown()["probing"] == "OFF", shown())

# To the other port, to one by name; the last switch is told everywhere.
expect(f"{two} carries" in sh("ftctl bond switch ftb0"), "switched elsewhere")
sh(f"ftctl bond switch ftb0 {one}")
seen = shown()
last = seen["last_switch"]
expect((seen["switches"], last["from"], last["to"], last["reason"]) == (2, two, one, "OPERATOR"),
       seen)
expect("OPERATOR" in sh("ftctl bond show ftb0"), "no reason for people")
refused("ftctl bond switch ftb0 lo", "not a port of the bond")
refused("runuser -u nobody -- ftctl bond switch ftb0", "only root may")
expect(stats()["last_switch_reason"] == 4, stats())
link(10, False)
wait_for(lambda: shown()["active"] == two)
link(10, True)
seen = shown()["last_switch"]
expect((seen["from"], seen["to"], seen["reason"]) == (one, two, "LINK_DOWN"), seen)
state("DUPLEX")

# ftd tells it as well.
sh("systemctl start ftd")
said = "busctl get-property org.ftstack.ft1 /org/ftstack/ft1/bond/ftb0 org.ftstack.ft1.Bond "
wait_for(f"{said} Switches")
expect(f'"{one}" "{two}" "LINK_DOWN"' in sh(said + "LastSwitch"), sh(said + "LastSwitch"))
expect('"OFF"' in sh(said + "Probing"), sh(said + "Probing"))
sh("systemctl stop ftd")

# With one port gone it is SIMPLEX, and says so in its exit status.
sh(f"ip link set {one} nomaster")
expect(rc("ftctl bond show ftb0") == 1, "SIMPLEX, and exit status 0")
refused("ftctl bond switch ftb0", "no other port")
sh("ftctl bond delete ftb0")
refused("ftctl bond delete ftb0", "there is no bond ftb0")

# What is configured is ftd's.
put("/etc/ftstack/ftd.conf", f"""
[[module]]
id = 10
bridges = ["{BRIDGE[10]}"]
[[module]]
id = 11
bridges = ["{BRIDGE[11]}"]
[[bond]]
name = "ftb0"
ports = ["10/0", "11/0"]
hold_down_ms = 7
probe_interval_ms = 200
announce_count = 9
""")
sh("systemctl start ftd")
wait_for("ip link show ftb0")
state("DUPLEX")
wait_for(lambda: shown()["probing"] == "OK")
seen = shown()
expect((seen["hold_down_ms"], seen["probe_interval_ms"], seen["announce_count"],
        seen["announce_spacing_ms"]) == (7, 200, 9, 100), seen)
# A line that is changed, or taken out, counts for the bond that runs.
sh("sed -i '/^hold_down_ms/d; s/^announce_count.*/announce_count = 5/' /etc/ftstack/ftd.conf; ftctl reload")
wait_for(lambda: (shown()["hold_down_ms"], shown()["announce_count"]) == (0, 5))
expect(shown()["probe_interval_ms"] == 200, shown())
refused("ftctl bond delete ftb0", "ftd would make it again")
