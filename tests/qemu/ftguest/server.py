"""Servers that Debian and our packages were installed on: disks for boot(installed=...)."""
import json
import os
import shutil
import subprocess

from . import layers, store
from .paths import BUILD, QEMU, REPO

# What a server has before ours comes, and what ours depends on: a guest has no network.
PACKAGES = ("linux-image-amd64 linux-headers-amd64 initramfs-tools systemd systemd-sysv udev dbus "
            "polkitd dmsetup e2fsprogs kmod iproute2 procps zstd dkms make gcc openssl pciutils busybox "
            "libfmt9 libmnl0 liburing2 libdevmapper1.02.1").split()
IMAGE = "2600M"
FEW_DRIVERS = "nvme\nvirtio_blk\nvirtio_pci\next4\n"


def debs():
    """Our packages, built from this checkout."""
    store.announce("building the packages")
    layers.run(["make", "-s", "-C", REPO, "deb"],
               env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")})
    return sorted(path for path in (BUILD / "deb").glob("*.deb") if "dbgsym" not in path.name)


def _harness(tree):
    """The agent comes into the tree, as an archive of the kernel's would bring it."""
    with open(layers.own() / "root.cpio", "rb") as archive:
        subprocess.run(["cpio", "-idmu", "--quiet", "-D", str(tree)], stdin=archive, check=True)
    unit = tree / "etc/systemd/system/ftguest-persist.service"
    unit.unlink()
    (tree / "etc/systemd/system/sysinit.target.wants/ftguest-persist.service").unlink()
    # Modules that the initramfs would carry for hardware that no guest has take long.
    (tree / "etc/initramfs-tools/conf.d/ftguest").write_text("MODULES=list\n")
    (tree / "etc/initramfs-tools/modules").write_text(FEW_DRIVERS)


def _inside(tree, *command):
    layers.run([REPO / "scripts/in-root", tree, *command])


def _take_kernel(tree, folder):
    newest = sorted(path.name for path in (tree / "boot").glob("vmlinuz-*"))[-1]
    shutil.copy2(tree / "boot" / newest, folder / "vmlinuz")
    shutil.copy2(tree / "boot" / newest.replace("vmlinuz", "initrd.img"), folder / "initrd")


def _file_system(tree, image, offset=0):
    layers.run(["truncate", "-s", IMAGE, image])
    layers.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "ftroot", "-d", tree,
                "-E", f"offset={offset},lazy_itable_init=1", image, "2500M"])


def debian(suite="bookworm", *more):
    """A tree with Debian and, of `more`, packages or .deb files."""
    def make(folder):
        layers.run([QEMU / "mkdebian", folder / "tree", suite, *PACKAGES, *more])
        _harness(folder / "tree")
    return store.product("server", store.key(QEMU / "mkdebian", PACKAGES, layers.own().name,
                                             suite, *more), make, keep=6)


def with_ours(suite="bookworm", *more):
    """The same, and our packages installed; DKMS has built the kernel modules."""
    base, ours = debian(suite, *more), debs()

    def make(folder):
        tree = folder / "tree"
        layers.run(["cp", "-a", base / "tree", tree])
        (tree / "root/debs").mkdir()
        for deb in ours:
            shutil.copy2(deb, tree / "root/debs")
        _inside(tree, "sh", "-c", "DEBIAN_FRONTEND=noninteractive "
                                  "apt-get install -y /root/debs/*.deb")
    return store.product("server", store.key(base.name, *ours), make, keep=6)


def fresh():
    """Debian on the system disk, our packages in /root/debs, not installed."""
    base, ours = debian(), debs()

    def make(folder):
        tree = folder / "tree"
        layers.run(["cp", "-a", base / "tree", tree])
        (tree / "root/debs").mkdir()
        for deb in ours:
            shutil.copy2(deb, tree / "root/debs")
        (tree / "etc/fstab").write_text("/dev/vda / ext4 errors=remount-ro 0 1\n")
        _inside(tree, "update-initramfs", "-u")
        _take_kernel(tree, folder)
        _file_system(tree, folder / "system.img")
        shutil.rmtree(tree)
    return store.product("installed", store.key("fresh", base.name, *ours), make, keep=4)


def on_mirror(config, fstab="/dev/mapper/ftm0 / ext4 errors=remount-ro 0 1\n"):
    """Debian with our packages on mirror ftm0: 10.img and 11.img are its legs. `config` is
    ftd.conf, less the mirror's uuid."""
    base = with_ours()

    def make(folder):
        tree = folder / "tree"
        layers.run(["cp", "-a", base / "tree", tree])
        legs = [folder / "10.img", folder / "11.img"]
        for leg in legs:
            layers.run(["truncate", "-s", IMAGE, leg])
        layers.run(["make", "-s", "-C", REPO, "user"])
        ftctl = BUILD / "user/bin/ftctl"
        made = json.loads(layers.run([ftctl, "mirror", "create", "--json", "ftm0", *legs]))
        said = json.loads(layers.run([ftctl, "mirror", "examine", "--json", *legs]))
        (tree / "etc/ftstack/ftd.conf").write_text(config.replace("UUID", made["uuid"]))
        (tree / "etc/fstab").write_text(fstab)
        _inside(tree, "update-initramfs", "-u")
        _take_kernel(tree, folder)
        offset = said["legs"][0]["data_offset"]
        _file_system(tree, legs[0], offset)
        layers.run(["dd", f"if={legs[0]}", f"of={legs[1]}", "bs=1M", f"skip={offset >> 20}",
                    f"seek={offset >> 20}", f"count={said['legs'][0]['size'] >> 20}",
                    "conv=notrunc,sparse"])
        shutil.rmtree(tree)
    return store.product("installed", store.key("mirror", base.name, config, fstab), make, keep=4)


def on_disk():
    """Debian with our packages on 10.img, a disk of its own."""
    base = with_ours()

    def make(folder):
        tree = folder / "tree"
        layers.run(["cp", "-a", base / "tree", tree])
        (tree / "etc/fstab").write_text("LABEL=ftroot / ext4 errors=remount-ro 0 1\n")
        _inside(tree, "update-initramfs", "-u")
        _take_kernel(tree, folder)
        _file_system(tree, folder / "10.img")
        shutil.rmtree(tree)
    return store.product("installed", store.key("disk", base.name), make, keep=4)
