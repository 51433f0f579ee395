"""Where things lie: the checkout, its products, and what is kept between runs."""
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
QEMU = HERE.parent
REPO = QEMU.parent.parent
BUILD = (REPO / os.environ.get("BUILD", "build")).resolve()
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ftstack"

# A loaded machine makes guests slow: every time limit is multiplied by this.
PATIENCE = float(os.environ.get("FTGUEST_PATIENCE", "1"))


def limit(seconds):
    """A time limit, stretched for the machine at hand."""
    return seconds * PATIENCE
