"""`crash` opens a dump: who has panicked, what ran, and what the mirror knew of its legs.

    mirror, duplex, module 11 pulled  ->  panic  ->  dump  ->  crash on the desk
"""
from ftguest import layers, store
from ftguest.paths import QEMU, REPO
from _dumps import *  # noqa: F403


def symbols(version):
    """The kernel with its debugging symbols, of Debian's package."""
    def make(folder):
        layers.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download",
                    f"linux-image-{version}-dbg"], cwd=folder)
        deb = next(folder.glob("*.deb"))
        with subprocess.Popen(["dpkg", "--fsys-tarfile", deb],
                              stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", folder, "--strip-components=5",
                            f"./usr/lib/debug/boot/vmlinux-{version}"],
                           stdin=archive.stdout, check=True)
        deb.unlink()
    return store.product("symbols", version, make, keep=2)


def newer_crash():
    """A tree with trixie's crash: bookworm's (8.0.2) finds no process of its Debian's own kernel
    but those that ran."""
    return store.product("crash-utility", store.key(QEMU / "mkdebian"), lambda folder: layers.run(
        [QEMU / "mkdebian", folder / "tree", "trixie", "crash"]), keep=1) / "tree"


def ask(*commands):
    """What crash says to them."""
    script = "".join(f"{command}\n" for command in (*commands, "quit"))
    return subprocess.run([REPO / "scripts/in-root", tree, "crash", "-s", "/vmlinux", "/dump"],
                          input=script, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=True).stdout


ready()
version = sh("uname -r").strip()
tree = newer_crash()
pull(11)
until("SIMPLEX")
start("sleep 10000")
panic()
dump = dumps()[-1]
expect(dump["complete"], f"{dump}")
layers.run(["ln", "-f", symbols(version) / f"vmlinux-{version}", tree / "vmlinux"])
(tree / "dump").write_bytes(get(f"/persist/crash/{dump['id']}/dump"))
for module in ("ft_core", "ft_mirror"):
    layers.run(["cp", BUILD / f"kmod-{version}/{module}.ko", tree])

said = ask("bt", "sys")
note(said)
for word in ("sysrq_handle_crash", "ksys_write", "sysrq triggered crash"):
    expect(word in said, f"no {word} in who panicked, and why:\n{said}")
said = ask("ps")
for name in ("systemd", "ftd", "sleep", "[ft_mirror]"):
    expect(name in said, f"no {name} in the list of processes:\n{said}")

# The mirror: found through ft_core's list of pairs; one leg is gone.
modules = [f"mod -s {name} /{name}.ko" for name in ("ft_core", "ft_mirror")]
said = ask(*modules, "list -H ft_pairs -o ft_pair.list -s ft_pair.name")
note(said)
expect('"ftm0' in said and '"ftb0' in said, f"the pairs are not there:\n{said}")
pair = re.search(r'(\w+)\n *name = "ftm0', said)[1]
said = ask(*modules, f"struct ftm.leg -l ftm.pair {pair}")
note(said)
states = re.findall(r"state = FT_MEMBER_STATE_(\w+)", said)
expect(sorted(states) == ["IN_SYNC", "MISSING"], f"legs {states}:\n{said}")
