"""Servers that Debian and our packages were installed on: disks for boot(installed=...)."""
import json
import os
import re
import shutil
import subprocess

from . import layers, store
from .paths import BUILD, QEMU, REPO

# What a server has before ours comes: a guest has no network to get it from later.
PACKAGES = ("linux-image-amd64 linux-headers-amd64 systemd systemd-sysv dbus polkitd e2fsprogs "
            "kmod iproute2 procps zstd dkms make gcc openssl pciutils busybox dosfstools fdisk "
            "shim-signed grub-efi-amd64-signed rsync libelf-dev gcc-12 pahole ccache kexec-tools "
            "makedumpfile").split()
# What a package is made of.
SOURCES = ("CMakeLists.txt debian dkms.conf docs/man docs/status.schema.json dumps ftctl ftd "
           "initramfs kmod legs links scripts/in-use scripts/pairs udev").split()
IMAGE = "2600M"
# Debian's kernel headers then compile through ccache: what has been compiled here for a guest
# costs it seconds, not half an hour.
INSTALL = "DEBIAN_KERNEL_USE_CCACHE=1 DEBIAN_FRONTEND=noninteractive apt-get install -y"
CCACHE = "var/cache/ccache"
FEW_DRIVERS = "nvme\nvirtio_blk\nvirtio_pci\next4\n"
with open("/etc/os-release", encoding="utf-8") as _release:
    HERE = re.search(r"^VERSION_CODENAME=(\w+)", _release.read(), re.M)[1]


def _inside(tree, *command):
    layers.run([REPO / "scripts/in-root", tree, *command])


def debs(suite=HERE):
    """Our packages, built from this checkout."""
    sources = [REPO / name for name in SOURCES]

    def make(folder):
        if suite == HERE:
            layers.run(["make", "-s", "-C", REPO, "deb"],
                       env={k: v for k, v in os.environ.items()
                            if k not in ("MAKEFLAGS", "MAKELEVEL")})
            made = BUILD / "deb"
        else:
            # In a Debian that has what debian/control builds with.
            control = (REPO / "debian/control").read_text()
            needs = re.search(r"^Build-Depends:(.*?)^\S", control, re.M | re.S)[1]
            tree, made = folder / "tree", folder / "tree/src"
            layers.run([QEMU / "mkdebian", tree, suite, "build-essential",
                        *re.sub(r"\(.*?\)|,", "", needs).split()])
            (made / "ftstack").mkdir(parents=True)
            layers.run(["cp", "-a", "--parents", *SOURCES, made / "ftstack"], cwd=REPO)
            _inside(tree, "sh", "-c", "cd /src/ftstack && dpkg-buildpackage -b -us -uc")
        for deb in made.glob("*.deb"):
            if "dbgsym" not in deb.name:
                shutil.copy2(deb, folder)
        shutil.rmtree(folder / "tree", ignore_errors=True)
    return sorted(store.product("debs", store.key(suite, *sources), make, keep=6).glob("*.deb"))


def debian(suite=HERE, initramfs="initramfs-tools"):
    """A tree with Debian, the packages that ours depend on, and the harness's agent."""
    depends = layers.run(["dpkg-deb", "-f", next(deb for deb in debs(suite) if "dkms" not in deb.name),
                          "Depends"])
    wanted = [initramfs, *PACKAGES, *re.findall(r"(?:^|, )([\w.+-]+)", depends)]

    def make(folder):
        tree = folder / "tree"
        layers.run([QEMU / "mkdebian", tree, suite, *wanted])
        with open(layers.own() / "root.cpio", "rb") as archive:
            subprocess.run(["cpio", "-idmu", "--quiet", "-D", str(tree)], stdin=archive, check=True)
        for name in ("", "sysinit.target.wants/"):
            (tree / f"etc/systemd/system/{name}ftguest-persist.service").unlink()
        (tree / "etc/ccache.conf").write_text(f"cache_dir = /{CCACHE}\ncompiler_check = none\n")
        # Modules that the initramfs would carry for hardware that no guest has take long.
        if initramfs == "initramfs-tools":
            (tree / "etc/initramfs-tools/conf.d/ftguest").write_text("MODULES=list\n")
            (tree / "etc/initramfs-tools/modules").write_text(FEW_DRIVERS)
    return store.product("server", store.key(QEMU / "mkdebian", wanted, layers.own().name, suite),
                         make, keep=6)


def _copy(base, folder, ours=()):
    """A tree to go on with, our packages in /root/debs."""
    tree = folder / "tree"
    layers.run(["cp", "-a", base / "tree", tree])
    (tree / "root/debs").mkdir(exist_ok=True)
    for deb in ours:
        shutil.copy2(deb, tree / "root/debs")
    return tree


def with_ours(suite=HERE, initramfs="initramfs-tools"):
    """The same, and our packages installed; DKMS has built the kernel modules."""
    base, ours = debian(suite, initramfs), debs(suite)

    def make(folder):
        _inside(_copy(base, folder, ours), "sh", "-c", f"{INSTALL} /root/debs/*.deb")
    return store.product("server", store.key(base.name, *ours), make, keep=6)


def newer_kernel():
    """An image, labelled newer, with the packages of a kernel that the server does not have
    yet: the newest that this machine's apt knows beside the release's own."""
    base = with_ours()
    names = subprocess.run(["apt-cache", "pkgnames", "linux-headers-6."], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    abi = max((name.removeprefix("linux-headers-").removesuffix("-amd64") for name in names
               if re.fullmatch(r"linux-headers-[\d.]+\+deb\d+-amd64", name)),
              key=lambda name: [int(n) for n in re.findall(r"\d+", name)])

    def make(folder):
        tree = _copy(base, folder)
        packages = tree / "newer"
        packages.mkdir()
        layers.run(["apt-get", "download", "-q", f"linux-image-{abi}-amd64",
                    f"linux-headers-{abi}-amd64", f"linux-headers-{abi}-common",
                    f"linux-kbuild-{abi}"], cwd=packages)
        _inside(tree, "sh", "-c", f"{INSTALL} /newer/*.deb")
        layers.run(["cp", "-a", tree / CCACHE, packages])
        layers.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "newer", "-d", packages,
                    folder / "image", "400M"])
        shutil.rmtree(tree)
    return store.product("kernel-debs", store.key(abi, base.name), make, keep=1) / "image"


def _lay_out(base, folder, image, files, ours=(), offset=0):
    """`base` and `files` as a file system at `offset` of an image; beside it the kernel and the
    initramfs that boot it."""
    tree = _copy(base, folder, ours)
    for path, content in files.items():
        if isinstance(content, str):
            (tree / path).write_text(content)
        else:
            layers.run(["cp", "-a", content, tree / path])
    newest = sorted(path.name for path in (tree / "boot").glob("vmlinuz-*"))[-1]
    ramdisk = newest.replace("vmlinuz", "initrd.img")
    if (tree / "usr/sbin/update-initramfs").exists():
        _inside(tree, "update-initramfs", "-u")
    else:
        _inside(tree, "dracut", "--force", f"/boot/{ramdisk}", newest.removeprefix("vmlinuz-"))
    shutil.copy2(tree / "boot" / newest, folder / "vmlinuz")
    shutil.copy2(tree / "boot" / ramdisk, folder / "initrd")
    layers.run(["truncate", "-s", IMAGE, image])
    layers.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "ftroot", "-d", tree,
                "-E", f"offset={offset},lazy_itable_init=1", image, "2500M"])
    shutil.rmtree(tree)


def _root_is(device):
    return {"etc/fstab": f"{device} / ext4 errors=remount-ro 0 1\n"}


def _installed(name, base, fill):
    return store.product("installed", store.key(name, base.name), fill, keep=4)


def fresh(suite=HERE):
    """Debian on the system disk, our packages in /root/debs, not installed."""
    base, ours, compiled = debian(suite), debs(suite), with_ours(suite) / "tree" / CCACHE
    return _installed(["fresh", compiled], base, lambda folder: _lay_out(
        base, folder, folder / "system.img", {**_root_is("/dev/vda"), CCACHE: compiled}, ours))


def on_system_disk():
    """Debian with our packages on the system disk, which is in no module."""
    base = with_ours()
    return _installed("system disk", base, lambda folder: _lay_out(
        base, folder, folder / "system.img", _root_is("/dev/vda")))


def on_disk():
    """Debian with our packages on 10.img, a disk of its own."""
    base = with_ours()
    return _installed("disk", base, lambda folder: _lay_out(
        base, folder, folder / "10.img", _root_is("LABEL=ftroot")))


def on_mirror(config, initramfs="initramfs-tools"):
    """Debian with our packages on mirror ftm0: 10.img and 11.img are its legs. `config` is
    ftd.conf, less the mirror's uuid."""
    base = with_ours(initramfs=initramfs)

    def make(folder):
        legs = [folder / "10.img", folder / "11.img"]
        for leg in legs:
            layers.run(["truncate", "-s", IMAGE, leg])
        layers.run(["make", "-s", "-C", REPO, "user"])
        ftctl = BUILD / "user/bin/ftctl"
        made = json.loads(layers.run([ftctl, "mirror", "create", "--json", "ftm0", *legs]))
        said = json.loads(layers.run([ftctl, "mirror", "examine", "--json", *legs]))["legs"][0]
        offset = said["data_offset"]
        _lay_out(base, folder, legs[0],
                 {"etc/ftstack/ftd.conf": config.replace("UUID", made["uuid"]),
                  **_root_is("/dev/mapper/ftm0")}, offset=offset)
        layers.run(["dd", f"if={legs[0]}", f"of={legs[1]}", "bs=1M", f"skip={offset >> 20}",
                    f"seek={offset >> 20}", f"count={said['size'] >> 20}", "conv=notrunc,sparse"])
    return _installed(["mirror", config], base, make)


