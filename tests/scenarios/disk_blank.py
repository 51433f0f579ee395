"""A module comes back with a blank disk: not without a word, unless policy says so.

      +-- 10: disk --+
    --+              +-- ftm0 <- writer
      +-- 11: disk --+   <- pulled; put back with a new disk, which gets all data
"""
from _server import Writer, duplex, identical, mirror, set_up, until

boot(size="64M")
set_up()
writer = Writer()
writer.begin()
pull(11)
until("SIMPLEX")
insert(11, disk="blank")
wait_for(lambda: "BLANK" in str(mirror()["members"]), 60)
state = mirror()
note(f"{state['members'][1]}, next: {state['next_action']}")
expect(state["state"] == "SIMPLEX", "a blank disk was taken without a word")
writer.more()

sh("sed -i 's/replace_blank *= *.*/replace_blank = \"auto\"/' /etc/ftstack/ftd.conf; "
   "grep -q replace_blank /etc/ftstack/ftd.conf || "
   "printf '\\n[policy]\\nreplace_blank = \"auto\"\\n' >> /etc/ftstack/ftd.conf; ftctl reload")
duplex()
writer.more()
writer.end()
writer.verify()

# The new disk alone carries all.
pull(10)
until("SIMPLEX")
sh("echo 3 > /proc/sys/vm/drop_caches")
writer.verify()
insert(10)
duplex()
identical()
