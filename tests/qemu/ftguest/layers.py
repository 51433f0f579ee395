"""The layers of a guest's root: Debian, the harness's own tools, kernel modules and
whatever is under test, and the bench's contenders."""
import json
import os
import shutil
import subprocess
from pathlib import Path

from . import cpio, store
from .paths import BUILD, CACHE, QEMU, REPO

TOOLS = ("agent", "ftwrite", "ftping")


class LayerError(Exception):
    """A layer cannot be made."""


def _words(path):
    return [line for line in path.read_text().splitlines() if line and line[0] != "#"]


def run(command, **options):
    """Run a command; its output only matters when it fails."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode:
        raise LayerError(f"{' '.join(map(str, command))} failed:\n{done.stdout.strip()}")
    return done.stdout


class Kernel:
    """An installed or unpacked kernel: /boot/vmlinuz-VERSION and its modules."""

    def __init__(self, version=None):
        # A kernel of the system comes first, then of two builds the one used last.
        places = [Path("/"), *sorted(CACHE.glob("kernels/*"), reverse=True,
                                     key=lambda place: place.stat().st_mtime)]
        found = {image.name.removeprefix("vmlinuz-"): place
                 for place in reversed(places)
                 for image in sorted(place.glob("boot/vmlinuz-*"))
                 if (place / "lib/modules" / image.name.removeprefix("vmlinuz-")).is_dir()}
        if not found:
            raise LayerError("no kernel with modules is installed; "
                             "run scripts/deps guest, which installs one")
        if version is None:
            version = max((v for v, place in found.items() if place == Path("/")),
                          key=lambda v: [int(n) if n.isdigit() else n.isalpha() and -1 or 0
                                         for n in v.replace("-", ".").split(".")])
        if version not in found:
            raise LayerError(f"kernel {version} is not there; there are: "
                             + ", ".join(sorted(found)))
        self.version = version
        self.place = found[version]
        self.image = self.place / "boot" / f"vmlinuz-{version}"
        self.modules = self.place / "lib/modules" / version
        self.debug = self.place.name.startswith("debug-")
        # Of another Debian, whose compiler is the only one that its headers like.
        foreign = self.place != Path("/") and (self.place / "usr/bin").is_dir()
        self.root = self.place if foreign else None

    @property
    def key(self):
        """Changes when the kernel is rebuilt or reinstalled."""
        info = self.image.stat()
        return self.version, info.st_size, info.st_mtime_ns


def debug_kernel():
    """The version of the debug kernel, which is built if it is missing."""
    done = subprocess.run([QEMU / "debug-kernel/build"], stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        raise LayerError("there is no debug kernel")  # build has said why
    return done.stdout.strip()


def other_kernel(suite):
    """The version of another Debian suite's kernel, which is fetched if it is missing."""
    done = subprocess.run([QEMU / "other-kernel", suite], stdout=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode:
        raise LayerError(f"there is no kernel of {suite}")
    return done.stdout.strip()


def tools():
    """The harness's programs for the guest, static so that they run in any root."""
    source = QEMU / "guest"
    files = [source / f"{tool}.c" for tool in (*TOOLS, "probe")]

    def make(folder):
        for file in files:
            run(["gcc-12", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
                 "-o", folder / file.stem, file])
    return store.product("tools", store.key(*files), make)


def debian(*lists):
    """A trimmed Debian with the packages of the named lists."""
    files = [QEMU / f"packages.{name}" for name in lists]

    def make(folder):
        packages = [word for file in files for word in _words(file)]
        tree = folder / "root"
        run([QEMU / "mkroot", tree, *packages])
        names = cpio.pack([tree], folder / "root.cpio")
        (folder / "names.json").write_text(json.dumps(sorted(names)))
        shutil.rmtree(tree)
    return store.product("debian", store.key(QEMU / "mkroot", *files), make)


def extra(name):
    """What the packages of one more list add to the Debian of the base list; or a folder,
    whose files come over those of the layers before it."""
    if isinstance(name, Path):
        return store.product("extra", store.key(name),
                             lambda folder: cpio.pack([name], folder / "root.cpio"))
    base = debian("base")

    def make(folder):
        tree = folder / "root"
        run([QEMU / "mkroot", tree,
             *(word for part in ("base", name) for word in _words(QEMU / f"packages.{part}"))])
        cpio.pack([tree], folder / "root.cpio",
                  skip=set(json.loads((base / "names.json").read_text())))
        shutil.rmtree(tree)
    return store.product("extra", store.key(base.name, QEMU / f"packages.{name}"), make)


def own():
    """The harness's units and programs."""
    programs = tools()

    def make(folder):
        tree = folder / "root"
        shutil.copytree(QEMU / "guest/root", tree, symlinks=True)
        units = tree / "etc/systemd/system"
        wants = units / "sysinit.target.wants"
        wants.mkdir()
        for unit in units.glob("*.service"):
            (wants / unit.name).symlink_to(f"../{unit.name}")
        for tool, place in (("agent", "usr/lib/ftguest"), ("ftwrite", "usr/bin"),
                            ("ftping", "usr/bin")):
            (tree / place).mkdir(parents=True, exist_ok=True)
            shutil.copy2(programs / tool, tree / place / tool)
        cpio.pack([tree], folder / "root.cpio")
        shutil.rmtree(tree)
    return store.product("own", store.key(QEMU / "guest/root", QEMU / "ftguest/layers.py", programs.name), make)


def _own_modules(kernel, target):
    """Those of the tests' own, for a kernel that they are for, and whose headers are there."""
    if kernel.root or not kernel.version.startswith("6.1.") or \
            not (kernel.modules / "build").exists():
        return
    work = shutil.copytree(QEMU / "kmod", target / "kmod")
    run(["make", "-s", "-C", kernel.modules / "build", f"M={work}", "modules"])
    for file in work.glob("*.ko"):
        run(["strip", "--strip-debug", file])
        shutil.move(file, target)
    shutil.rmtree(work)


def modules(kernel):
    """The kernel modules a guest needs, as a folder to build upon."""
    wanted = QEMU / "kmodules"
    own = sorted((QEMU / "kmod").iterdir())

    def make(folder):
        target = folder / "usr/lib/modules" / kernel.version
        target.mkdir(parents=True)
        for name in _words(wanted):
            listed = subprocess.run(
                ["modprobe", "-d", kernel.place, "-S", kernel.version, "--show-depends", name],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
            for line in listed.stdout.splitlines():
                if not line.startswith("insmod "):
                    continue
                file = Path(line.split()[1])
                inside = file.resolve().relative_to(kernel.modules.resolve())
                (target / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target / inside)
        _own_modules(kernel, target)
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            if (kernel.modules / name).exists():
                shutil.copy2(kernel.modules / name, target / name)
        (folder / "lib").symlink_to("usr/lib")
        run(["depmod", "-b", folder, kernel.version])
    return store.product("modules", store.key(kernel.key, wanted, *own), make)


def under_test(kernel, bare=False):
    """The payload: kernel modules, and over them, unless `bare`, `make install` of this
    checkout and what its scenarios bring along."""
    base = modules(kernel)
    stage = BUILD / "guest" / (kernel.version + ("-bare" if bare else ""))
    with store.locked(BUILD / "guest/.lock"):
        shutil.rmtree(stage, ignore_errors=True)
        shutil.copytree(base, stage, symlinks=True)
        for link in ("bin", "sbin", "lib64"):
            (stage / link).symlink_to(f"usr/{link}")
        if not bare:
            store.announce("building what is under test")
            run(["make", "-s", "-C", REPO, "install", f"DESTDIR={stage}",
                 f"KVER={kernel.version}", f"BUILD={BUILD}",
                 *([f"KROOT={kernel.root}"] if kernel.root
                   else [f"KDIR={kernel.modules}/build"]),
                 *(["KFLAGS=UBSAN_SANITIZE=y"] if kernel.debug else [])],
                env={k: v for k, v in os.environ.items()
                     if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
            shutil.copytree(REPO / "tests/scenarios/guest", stage, symlinks=True,
                            dirs_exist_ok=True)
        name = store.key(kernel.version, stage)

        def make(folder):
            cpio.pack([stage], folder / "root.cpio")
        return store.product("payload", name, make)


def initrd(payload, more=()):
    """One archive of all layers; its name stands for all that is in it."""
    parts = [debian("base"), own(), *(extra(name) for name in more), payload]

    def make(folder):
        with open(folder / "initrd", "wb") as out:
            for part in parts:
                with open(part / "root.cpio", "rb") as layer:
                    shutil.copyfileobj(layer, out, 1 << 20)
    return store.product("initrd", store.key(*(part.name for part in parts)), make)


def crash(archive):
    """The archive as a guest's disk: its size in the first sector, then it, compressed; a
    crash kernel whose memory is small has it twice while it is unpacked."""
    def make(folder):
        run(["lz4", "-q", "-l", archive / "initrd", folder / "packed"])
        with open(folder / "disk", "wb") as out, open(folder / "packed", "rb") as packed:
            out.write(b"%-512d" % os.fstat(packed.fileno()).st_size)
            shutil.copyfileobj(packed, out, 1 << 20)
        (folder / "packed").unlink()
    return store.product("crash", store.key(archive.name), make, keep=4)
