# SPDX-License-Identifier: GPL-2.0
"""Who may do what, with real polkit; ftd in its sandbox; what monitoring sees.

    busctl as nobody -> every method of every object: denied, and nothing has changed
                        with a polkit rule: what it allows, and no more
"""
import json

from _server import duplex, set_up, status

ROOT = "/org/ftstack/ft1"
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups --"
ARGUMENTS = {
    "Propose": "a{sv} 0", "Apply": "st '' 0", "ClearFault": "s 11/1", "Remove": "b false",
    "Resolve": "s 10/1", "Replace": "st 11/1 0", "Scrub": "b false", "Grow": "t 0",
    "Prefer": "s 10/1",
}
PATHS = {"Manager": ROOT, "Module": f"{ROOT}/module/11", "Bond": f"{ROOT}/bond/ftb0",
         "Mirror": f"{ROOT}/mirror/ftm0", "Dump": f"{ROOT}/dump/_320261121_2d204501"}
DUMP = "/var/crash/ftstack/20261121-204501"


def methods():
    """(interface, method) as the daemon itself has them."""
    interface = None
    for line in sh("ftd --interface").splitlines():
        if not line.startswith(" "):
            interface = line.rsplit(".", 1)[1]
        elif line.endswith("]"):
            yield interface, line.split("(")[0].strip()


def call(interface, method, user=NOBODY):
    return sh(f"{user} busctl call org.ftstack.ft1 {PATHS[interface]} org.ftstack.ft1.{interface} "
              f"{method} {ARGUMENTS.get(method, '')} 2>&1", check=False)


boot(size="64M")
set_up()

# The sandbox holds, and ftd does its work in it.
said = sh("systemd-analyze security --no-pager ftd.service | tail -1")
note(said.strip())
expect(float(said.split(":")[1].split()[0]) <= 3.0, said)
pid = sh("systemctl show -P MainPID ftd").strip()
caps = int(sh(f"grep CapBnd /proc/{pid}/status").split()[1], 16)
expect(caps == 1 << 12 | 1 << 21, f"capabilities {caps:x} are not NET_ADMIN and SYS_ADMIN")
expect("NoNewPrivs:\t1" in sh(f"cat /proc/{pid}/status"), "NoNewPrivs is off")

# Nobody reads everything and changes nothing.
sh(f"mkdir {DUMP}")
put(f"{DUMP}/info.json", "{}")
wait_for("ftctl dump list | grep -q 20261121")
before = {key: value for key, value in status().items()}
expect(json.loads(sh(f"{NOBODY} ftctl status --json")) == before, "nobody sees something else")
tried = 0
for interface, method in methods():
    if interface in PATHS:
        said = call(interface, method)
        expect("Access denied" in said or "needs more rights" in said, f"{method}: {said}")
        tried += 1
expect(tried >= 10, f"only {tried} methods were tried")
expect(status() == before, "something has changed")
sh(f"test -d {DUMP}")
said = call("Dump", "Delete", user="")
expect(rc(f"test -d {DUMP}") != 0, f"root cannot delete a dump: {said}")

# What a rule of the administrator's allows, and no more.
put("/etc/polkit-1/rules.d/10-test.rules", """polkit.addRule(function(action, subject) {
    if (action.id == "org.ftstack.ft1.fault-clear" && subject.user == "nobody")
        return polkit.Result.YES;
});
""")
wait_for(lambda: "no fault of 11/1 is known" in call("Manager", "ClearFault"), 30)
expect("Access denied" in call("Manager", "Reload") or "needs more" in call("Manager", "Reload"),
       "the rule allows more than it says")

# What is installed besides: asked beforehand, doctor, metrics, target, hooks.
expect(sh("ftctl module can-remove 11").startswith("yes"), "duplex, and 11 cannot be removed")
note(sh("ftctl doctor 2>&1; true"))
expect('ftstack_pair_state{pair="ftm0",type="mirror",ftstack_pair_state="DUPLEX"} 1'
       in sh("ftctl metrics"), "the metrics do not say DUPLEX")
sh("systemctl start ftstack-duplex.target", 60)
put("/etc/ftstack/alert.d/10-log",
    "#!/bin/sh\necho hook of user $(id -u): $FT_ALERT_EVENT $FT_ALERT_ID\n", 0o755)
sh("systemctl start ftstack-alert.service && ftctl alert test")
wait_for("journalctl -q -u ftstack-alert --grep 'hook of user [1-9][0-9]*: raised test'", 60)
sh("journalctl --update-catalog")  # as make install does into a running system
expect(rc("journalctl -q -x MESSAGE_ID=5d3a37ca876c4df2a8bb5a6b3e0cf9a1 | grep -q 'ftctl status'")
       == 0, "the catalog is not there")

# Pulled while the bus is away; a storm of events; and all is told when it is over.
sh("systemctl stop dbus.socket dbus.service", 60)
pull(11)
sh("systemctl start dbus.socket dbus.service")
wait_for("ftctl status | grep -q 'module 11  REMOVED'", 60)
expect(sh("systemctl show -P MainPID ftd").strip() == pid, "ftd was started anew")
# udev needs a while for 2000 events, which are sent within two seconds: not waited for.
storm = start("for i in $(seq 2000); do echo change; done >/sys/class/net/lo/uevent")
insert(11, wait=False)
duplex()
storm.wait(120)
said = sh("ftctl status; systemctl show -P NRestarts ftd", 60)
expect(sh("systemctl show -P MainPID ftd").strip() == pid, f"ftd did not survive the storm: {said}")
