"""Products kept between runs, each under the hash of everything it is made of."""
import contextlib
import fcntl
import hashlib
import os
import shutil
from pathlib import Path

from .paths import CACHE


def key(*parts):
    """The hash of texts and of files' and folders' contents."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for path in [part] if part.is_file() else sorted(part.rglob("*")):
                total.update(str(path.relative_to(part.parent)).encode())
                if path.is_symlink():
                    total.update(os.readlink(path).encode())
                elif path.is_file():
                    total.update(b"%o" % path.stat().st_mode + path.read_bytes())
        else:
            total.update(repr(part).encode())
        total.update(b"\0")
    return total.hexdigest()[:16]


def announce(text):
    """Whoever wants to see what takes time replaces this."""


@contextlib.contextmanager
def locked(path):
    """Only one process at a time works on what `path` names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def product(kind, name, make, keep=12):
    """The folder CACHE/kind/name; if it is missing, make(folder) fills it.

    It appears under its name only when complete.  Of each kind the `keep` last
    used ones stay.
    """
    home = CACHE / kind
    done = home / name
    with locked(home / ".lock"):
        if not done.exists():
            announce(f"making the guest's {kind}")
            draft = home / f".{name}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            try:
                make(draft)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            draft.rename(done)
        os.utime(done)
        others = [p for p in home.iterdir() if not p.name.startswith(".") and p != done]
        for old in sorted(others, key=lambda p: p.stat().st_mtime, reverse=True)[keep - 1:]:
            shutil.rmtree(old, ignore_errors=True)
    return done
