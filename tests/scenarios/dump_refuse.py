"""What would damage memory is refused, in each kernel and at each step, and changes nothing.

    first kernel: nothing to return  ->  panic  ->  wrong maps, wrong order, wrong blocks
"""
from _dump import *  # noqa: F403

BESIDE = 40

BLOCK = 128 << 20


def load(memory):
    """ft_dump anew, with this map; returns why it was refused."""
    sh(f"rmmod ft_dump; modprobe ft_dump ram='{memory}'")
    return read("error")


boot_dump(modules=())
tool("ftdump")
sh("modprobe ft_dump ram=100000-3fffffff")
expect(read("state") == "NONE", "a kernel that nobody panicked for has old memory")
for name, words in (("seal", (1,)), ("quiesce", (1,)), ("hold", SECOND), ("return", (BLOCK,)),
                    ("leave_out", (BLOCK, 4096)), ("rearm", (1,))):
    steps("ENODATA", name, *words)
memory = ram()
good = ",".join(f"{a:x}-{b - 1:x}" for a, b in memory)
arm("ftguest.by-hand")
crash()
tool("ftdump")

# A map that anything speaks against is not believed, and nothing is returned by it.
for wrong in ("zz", "100000", "100000-", f"{good},", f"{good};", "3fffffff-100000",
              "100800-3fffffff", "100000-3ffffffe", "1000-9efff", f"{good},100000-1fffff",
              "100000-47ffffff", "100000-7ffd6fff", "100000-3fffffff,68000000-87ffffff",
              "100000000-1ffffffff", "8000000-fffffffffffffffff",
              ",".join(f"{n << 20:x}-{(n << 20) + 4095:x}" for n in range(1, 66))):
    said = load(wrong)
    expect(said, f"the map {wrong} was believed")
    expect(not blocks(), f"blocks by the map {wrong}")
    steps("ENODATA", "return", BLOCK)
    steps("ENODATA", "hold", *SECOND)
    expect("return available" not in read("steps"), "return is said to be possible")
    expect("rearm available" in read("steps"), "one step's refusal took others with it")
expect(load(good) == "", read("error"))
old = [start for start, _ in blocks("OLD")]
expect(old == [n * BLOCK for n in (*range(1, 8), *range(12, 15))], f"not all whole blocks: {old}")

# The order of steps, and their numbers.
steps("EBUSY", "return", BLOCK)
steps("EBUSY", "quiesce", 1)
steps("ENODATA", "rearm", 1)
for name in ("seal", "quiesce", "rearm"):
    for text in ("0", "2", "1 1", "", "x", "1 x"):
        said = sh(f"/run/ftdump {SYSFS}/{name} '{text}'", check=False).strip()
        expect(said in ("EINVAL", "EBUSY", "done") and (said != "done" or not text),
               f"{name} '{text}': {said}")
expect(read("state") == "OPEN", read("state"))
for error, place in (("EINVAL", (BLOCK + 4096, BLOCK)), ("EINVAL", (BLOCK, 4096)),
                     ("EINVAL", (BLOCK, 0)), ("ENOENT", (0, BLOCK)),
                     ("ENOENT", (7 * BLOCK, 2 * BLOCK)), ("ENOENT", (15 * BLOCK, BLOCK)),
                     ("EINVAL", ((1 << 64) - BLOCK, 2 * BLOCK))):
    steps(error, "hold", *place)
for error, place in (("EINVAL", (BLOCK + 1, 4096)), ("EINVAL", (BLOCK, 0)),
                     ("EINVAL", (BLOCK, 100)), ("ENOENT", (4096, 4096)),
                     ("ENOENT", (8 * BLOCK, 4096)), ("EINVAL", ((1 << 64) - 4096, 8192))):
    steps(error, "leave_out", *place)
bad = BLOCK + 5 * 4096
steps("done", "leave_out", bad, 4096)
steps("EBUSY", "hold", BLOCK, BLOCK)
steps("done", "hold", 3 * BLOCK, BLOCK)
steps("EBUSY", "leave_out", 3 * BLOCK, 4096)
steps("done", "hold", 2 * BLOCK, BLOCK)
steps("EBUSY", "rearm", 1)

# Who reads the old memory sees nothing of what lives in it afterwards.
reader = start("/run/ftdump hold /proc/vmcore")
reader.wait_line("reading")
steps("done", "seal", 1)
expect("read EIO, mapping SIGBUS" in reader.wait(), reader.text)
expect(rc("test -e /proc/vmcore") == 1, "/proc/vmcore is still there")
steps("EALREADY", "seal", 1)
steps("EBUSY", "return", BLOCK)
steps("done", "quiesce", 1)
steps("done", "quiesce", 1)

# Blocks: whole ones of old memory, once, each online before the next.
sh("echo offline >/sys/devices/system/memory/auto_online_blocks")
for error, start_ in (("EINVAL", BLOCK + 4096), ("ENOENT", 0), ("ENOENT", 8 * BLOCK),
                      ("ENOENT", 15 * BLOCK), ("ENOENT", 1 << 46)):
    steps(error, "return", start_)
steps("done", "return", BLOCK)
steps("EEXIST", "return", BLOCK)
steps("EBUSY", "return", 2 * BLOCK)
sh("echo online >/sys/devices/system/memory/memory1/state")
steps("EEXIST", "return", BLOCK)
steps("EEXIST", "leave_out", BLOCK, 4096)
steps("EEXIST", "hold", BLOCK, BLOCK)


def flags(address):
    """Of a page, as /proc/kpageflags has them: is it reserved?"""
    word = sh(f"dd if=/proc/kpageflags bs=8 skip={address >> 12} count=1 status=none | "
              "od -An -tu8")
    return bool(int(word) >> 32 & 1)


expect(flags(bad), "a page that was to be left out was given to somebody")
expect(not flags(bad - 4096) and not flags(bad + 4096), "its neighbours were left out, too")
steps("EBUSY", "rearm", 1)
steps("done", "return", 2 * BLOCK)
steps("EBUSY", "rearm", 1)
sh("echo online >/sys/devices/system/memory/memory2/state")
expect(flags(2 * BLOCK) and flags(3 * BLOCK - 4096), "what is held was given to somebody")
expect(rc("echo offline >/sys/devices/system/memory/memory2/state") != 0,
       "what is held can be put offline")
steps("EEXIST", "hold", 4 * BLOCK, BLOCK)
steps("done", "rearm", 1)
steps("EALREADY", "rearm", 1)
expect(read("region") == f"{2 * BLOCK:#x} {BLOCK:#x}", read("region"))
expect(rc("rmmod ft_dump") != 0, "ft_dump can be unloaded though memory is held by it")
