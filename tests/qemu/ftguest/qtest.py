"""Hands on the guest's hardware, past the guest: QEMU's qtest socket."""
from .qmp import connect

ECAM = 0xB0000000  # where q35's firmware puts the PCI configuration space
COMMAND = 0x04
INTX_OFF = 0x400  # and no memory, no ports, no DMA
SECONDARY_BUS = 0x19
EXPRESS = 0x10  # the PCI Express capability
SLOT_CONTROL = 0x18
POWER_OFF = 0x400
POWER_LED = 0x300  # 0x300 is off


class Qtest:
    """Reads and writes guest-physical memory while the guest runs."""

    def __init__(self, path, alive):
        self._link = connect(path, alive)
        self._stream = self._link.makefile("rb")

    def _send(self, *lines):
        self._link.sendall(("\n".join(lines) + "\n").encode())
        answers = []
        while len(answers) < len(lines):
            line = self._stream.readline().decode().strip()
            if line.startswith("IRQ"):
                continue
            if not line.startswith("OK"):
                raise OSError(f"qtest: {lines}: {line or 'QEMU is gone'}")
            answers.append(line[2:].strip())
        return answers

    def read(self, width, address):
        """Read width (b, w, l, q) at an address."""
        return int(self._send(f"read{width} {address:#x}")[0], 16)

    def write(self, width, address, value):
        """Write width (b, w, l, q) at an address."""
        self._send(f"write{width} {address:#x} {value:#x}")

    @staticmethod
    def config(bus, device, function=0):
        """Where a PCI function's configuration space is."""
        return ECAM + (bus << 20) + (device << 15) + (function << 12)

    def _slot_control(self, device):
        base = self.config(0, device)
        at = self.read("b", base + 0x34)
        while at and self.read("b", base + at) != EXPRESS:
            at = self.read("b", base + at + 1)
        return base + at + SLOT_CONTROL

    def cut(self, device):
        """Cut everything in the root port's slot off the bus: it no longer answers, and
        neither its DMA nor its interrupts reach the guest."""
        bus = self.read("b", self.config(0, device) + SECONDARY_BUS)
        functions = [self.config(bus, 0, function) for function in range(8)]
        self._send(*(f"writew {at + COMMAND:#x} {INTX_OFF:#x}"
                     for at in functions if self.read("w", at) != 0xFFFF))

    def pull(self, device):
        """Take everything out of the root port's slot, by surprise.

        The slot goes off and on again in one message: QEMU runs both writes before
        the guest gets a chance to look, so the guest finds the devices gone from a
        slot that it never switched off.
        """
        at = self._slot_control(device)
        old = self.read("w", at)
        self._send(f"writew {at:#x} {old | POWER_LED | POWER_OFF:#x}",
                   f"writew {at:#x} {old:#x}")

    def slot_off(self, device):
        """Has the guest switched the slot off?"""
        both = POWER_LED | POWER_OFF
        return self.read("w", self._slot_control(device)) & both == both
