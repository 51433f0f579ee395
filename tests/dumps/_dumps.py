"""What the longer scenarios of dumps share: a server that serves a page, armed."""
import sys
from pathlib import Path

from ftguest import layers
from ftguest.paths import BUILD

sys.path.insert(0, str(Path(__file__).parent.parent / "scenarios"))
from _dump import *  # noqa: E402,F403
from _server import *  # noqa: E402,F403


def ready(options="", before=None, **boot_options):
    """A mirror, a bond, a page on them, and a crash kernel."""
    boot_dump(**boot_options)
    if before:
        before()
    set_up()
    wait_for("test -b /dev/mapper/ftm0")
    sh("mkfs.ext4 -q /dev/mapper/ftm0")
    serve("durable")
    arm(options)


def reset(command):
    """A panic that no crash kernel is there for: the machine goes through its firmware."""
    allow_kmsg("Kernel panic|Call Trace")
    start(command)
    ended()
    note("through the firmware")
    boot_dump()
    serve("")


def kernel_module(name):
    """Builds a module of tests/tools, and puts it into the guest."""
    version = sh("uname -r").strip()
    folder = BUILD / "tools" / name
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).parent.parent / f"tools/{name}.c"
    (folder / f"{name}.c").write_bytes(source.read_bytes())
    (folder / "Kbuild").write_text(f"obj-m := {name}.o\n")
    layers.run(["make", "-s", "-C", f"/lib/modules/{version}/build", f"M={folder}", "modules"])
    put(f"/run/{name}.ko", (folder / f"{name}.ko").read_bytes())
