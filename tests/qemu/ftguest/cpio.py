"""A folder as a cpio archive, the form in which a kernel takes its first root.

The kernel unpacks concatenated archives one over the other, so each layer of a
guest's root is an archive of its own.
"""
import os
import stat


def _member(out, number, name, info, data=b"", size=None):
    size = len(data) if size is None else size
    major, minor = (os.major(info.st_rdev), os.minor(info.st_rdev)) if info else (0, 0)
    fields = (number, info.st_mode if info else 0, info.st_uid if info else 0,
              info.st_gid if info else 0, 1, int(info.st_mtime) if info else 0,
              size, 0, 0, major, minor, len(name) + 1, 0)
    out.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0")
    out.write(bytes(-(110 + len(name) + 1) % 4))


def pack(trees, path, skip=frozenset()):
    """Write the trees, later over earlier, as one archive; returns the names in it."""
    names = {}
    for tree in trees:
        for folder, folders, files in os.walk(tree):
            for entry in folders + files:
                full = os.path.join(folder, entry)
                names[os.path.relpath(full, tree)] = full
    with open(path, "wb") as out:
        for number, name in enumerate(sorted(names), 1):
            info = os.lstat(names[name])
            if name in skip and not stat.S_ISDIR(info.st_mode):
                continue
            raw = name.encode()
            if stat.S_ISLNK(info.st_mode):
                data = os.readlink(names[name]).encode()
                _member(out, number, raw, info, data)
                out.write(data + bytes(-len(data) % 4))
            elif stat.S_ISREG(info.st_mode):
                _member(out, number, raw, info, size=info.st_size)
                with open(names[name], "rb") as content:
                    data = content.read()
                assert len(data) == info.st_size, f"{names[name]} changed while it was read"
                out.write(data + bytes(-len(data) % 4))
            else:
                _member(out, number, raw, info)
        _member(out, 0, b"TRAILER!!!", None)
        out.write(bytes(-out.tell() % 512))
    return set(names)
