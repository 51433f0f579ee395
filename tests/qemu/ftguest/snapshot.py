"""A guest right after boot, kept: a scenario restores it instead of booting."""
import shutil
import subprocess
from pathlib import Path

from . import accel, layers, store
from .guest import COMMAND_LINE, Guest, power_on
from .paths import QEMU

SYSTEM_DISK = "512M"


def blank_system_disk(path):
    """The disk that survives power cuts and reboots, freshly formatted."""
    subprocess.run(["truncate", "-s", SYSTEM_DISK, str(path)], check=True)
    layers.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1",
                "-J", "size=8", "-L", "ftsystem", path])


class Installed:
    """A guest that boots the ordinary way, from disks that Debian was installed on: `folder`
    holds its vmlinuz, initrd and maybe system.img, the system disk. Without a kernel there its
    firmware boots it, from what it finds on its disks."""

    def __init__(self, folder, mem=1024, smp=2, cmdline="", extra=()):
        self.folder = Path(folder)
        self.machine = [*accel.options(layers.Kernel(), False), "-smp", str(smp),
                        "-m", str(mem), *extra]
        words = COMMAND_LINE.replace(" rdinit=/init", "")
        self.boot = ["-bios", "/usr/share/ovmf/OVMF.fd"]
        if (self.folder / "vmlinuz").exists():
            self.boot = ["-kernel", self.folder / "vmlinuz", "-initrd", self.folder / "initrd",
                         "-append", f"{words} {cmdline}".strip()]

    def blank_system_disk(self, path):
        """The system disk as it is at first."""
        if (self.folder / "system.img").exists():
            subprocess.run(["cp", "--sparse=always", str(self.folder / "system.img"), str(path)],
                           check=True)
        else:
            blank_system_disk(path)


class Flavour:
    """What a guest is made of; equal flavours share a snapshot."""

    def __init__(self, payload, kernel=None, layers_=(), mem=1024, smp=2, cmdline="",
                 icount=False, extra=(), crash=""):
        self.kernel = layers.Kernel(kernel)
        if self.kernel.debug:
            # KASAN's shadow and kmemleak's records take their share of the memory.
            mem, cmdline = mem * 3 // 2, f"{cmdline} kmemleak=on"
        if crash:
            # The place is a fixed one: the kernel must not choose to lie there itself.
            cmdline = f"{cmdline} nokaslr crashkernel={crash}"
        initrd = layers.initrd(payload, layers_)
        if crash:
            # What the guest was booted with, for it to load as its crash kernel.
            for name, file in (("vmlinuz", self.kernel.image),
                               ("initrd", layers.crash(initrd) / "disk")):
                extra = (*extra, "-drive", f"if=none,id={name},format=raw,readonly=on,file={file}",
                         "-device", f"virtio-blk-pci,drive={name},serial=FT{name.upper()}")
        self.machine = [*accel.options(self.kernel, icount), "-smp", str(smp), "-m", str(mem),
                        *extra]
        self.boot = ["-kernel", self.kernel.image, "-initrd", initrd / "initrd",
                     "-append", f"{COMMAND_LINE} {cmdline}".strip()]
        self._key = (initrd.name, self.kernel.key, self.machine, self.boot[-1],
                     Path(shutil.which("qemu-system-x86_64")).stat().st_mtime_ns,
                     QEMU / "ftguest/guest.py", QEMU / "ftguest/snapshot.py")

    blank_system_disk = staticmethod(blank_system_disk)

    @staticmethod
    def disk(path):
        """QEMU's options for the system disk and the console."""
        return ["-blockdev", f"driver=raw,node-name=system,discard=unmap,file.driver=file,"
                             f"file.filename={path},file.locking=off",
                "-device", "virtio-blk-pci,id=system,drive=system,serial=FTSYSTEM,addr=1d.0"]

    @staticmethod
    def console(folder):
        """QEMU's options for a console that is only recorded."""
        return ["-chardev", f"file,id=console,path={folder}/console.log",
                "-serial", "chardev:console"]

    def snapshot(self, log):
        """The folder with this flavour's snapshot: `memory` and `system.img`.

        The drivers of what the modules hold are loaded: each scenario needs them.
        """
        def make(folder):
            log("booting a guest to take the snapshot")
            blank_system_disk(folder / "system.img")
            console = folder / "console.log"

            def switch_on():
                return Guest(folder, [*self.machine, *self.boot, *self.console(folder),
                                      *self.disk(folder / "system.img")], lambda text: None)
            guest = None
            try:
                guest = power_on(switch_on, log, tested=False)
                state = guest.agent.run(
                    "systemctl is-system-running; systemctl --failed --no-legend --plain"
                ).wait(check=False).strip()
                (folder / "state").write_text(state + "\n")
                guest.agent.run("modprobe -a nvme e1000e; udevadm settle; sync; "
                                "echo 3 >/proc/sys/vm/drop_caches").wait(60)
                guest.snapshot(folder / "memory")
            except BaseException as error:
                said = console.read_text(errors="replace")[-3000:] if console.exists() else ""
                raise layers.LayerError(f"the guest did not boot: {error}\n{said}") from error
            finally:
                if guest:
                    guest.end()
        return store.product("snapshot", store.key(*self._key), make)
