"""Runs scenario files, each in a process of its own: scripts/scenario."""
import argparse
import ast
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import layers, store
from .paths import BUILD, QEMU, REPO, limit
from .run import EMULATOR


def _files(paths):
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*.py")
                              if not file.name.startswith("_") and _title(file))
        elif path.is_file():
            yield path
        else:
            sys.exit(f"scenario: there is no {path}")


def _title(path):
    """The first line of a scenario's docstring; None for what is no scenario."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return text.strip().splitlines()[0] if text else None


def _beside(path):
    """What a scenario says of its BESIDE: about how many seconds it takes; 0: nothing."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "BESIDE":
            return ast.literal_eval(node.value)
    return 0


def _name(path):
    path = path.resolve()
    return str(path.relative_to(REPO)) if path.is_relative_to(REPO) else str(path)


def _payload(options):
    """What is under test, built once for all of the scenarios."""
    began = time.monotonic()
    if options.verbose or options.show:
        store.announce = lambda text: print(f"{time.monotonic() - began:6.1f} s  {text}",
                                            flush=True)
    try:
        if options.kernel == "debug":
            options.kernel = layers.debug_kernel()
        elif options.kernel in ("bookworm-backports", "trixie", "sid"):
            options.kernel = layers.other_kernel(options.kernel)
        kernel = layers.Kernel(options.kernel)
        options.kernel = kernel.version
        return str(layers.under_test(kernel, options.bare))
    except layers.LayerError as error:
        sys.exit(f"scenario: {error}")


def _run_once(command, options):
    """Returns what it printed, and its exit status."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=None if options.verbose or options.show
                               else subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, "PYTHONPATH": str(QEMU)})
    try:
        try:
            said, _ = process.communicate(timeout=limit(options.timeout))
        except subprocess.TimeoutExpired:
            process.terminate()  # it says where it is, and keeps what can be seen of its guest
            said, _ = process.communicate(timeout=limit(60))
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        said = f"{said or ''}still running after {limit(options.timeout):.0f} s\n"
    except BaseException:
        process.kill()
        raise
    return said or "", process.returncode


def _evidence(traces):
    """The ends of a failed scenario's traces, for who sees nothing but what is printed."""
    for name, lines in (("log.txt", 40), ("kmsg.log", 20), ("guest.log", 60)):
        if (traces / name).exists():
            text = (traces / name).read_text(encoding="utf-8", errors="replace").splitlines()
            yield f"-- {name}"
            yield from [line[:200] for line in text
                        if not line.startswith((" SUBSYSTEM=", " DEVICE="))][-lines:]


def _run(path, options):
    """Run one; returns (path, passed, seconds, what it printed, where its traces are)."""
    folder = Path(tempfile.mkdtemp(prefix="ftguest-", dir="/tmp"))
    began = time.monotonic()
    command = [sys.executable, "-m", "ftguest.run", str(path.resolve()), str(folder),
               json.dumps({name: getattr(options, name)
                           for name in ("verbose", "show", "kernel", "payload")})]
    try:
        said, status = _run_once(command, options)
        if status == EMULATOR:
            print(f"again          {_name(path)}: QEMU itself has crashed, or lost a timer",
                  flush=True)
            shutil.rmtree(folder)
            folder.mkdir()
            said, status = _run_once(command, options)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    seconds = time.monotonic() - began
    traces = BUILD / "scenarios" / _name(path).strip("/").replace("/", "-").removesuffix(".py")
    shutil.rmtree(traces, ignore_errors=True)
    traces.mkdir(parents=True)
    for file in folder.glob("*.log"):
        shutil.copy(file, traces)
    if (folder / "log.txt").exists():
        shutil.copy(folder / "log.txt", traces)
    if options.keep:
        said = f"{said}kept: {folder}\n"
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return path, status == 0, seconds, said, traces


def _run_all(files, together, options):
    """Run them, so many at a time; returns how many have failed."""
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        for work in concurrent.futures.as_completed(
                {pool.submit(_run, path, options) for path in files}):
            path, passed, seconds, said, traces = work.result()
            failed += not passed
            print(f"{'ok  ' if passed else 'FAIL'} {seconds:6.1f} s  {_name(path)}", flush=True)
            if not passed or (said and options.keep):
                print("".join(f"    {line}\n" for line in said.strip().splitlines()), end="")
            if not passed:
                print("".join(f"    {line}\n" for line in _evidence(traces)), end="")
                print(f"    traces: {traces}", flush=True)
    return failed


def main():
    """One line per scenario; exit status 0 only if all have passed."""
    parser = argparse.ArgumentParser(
        prog="scenario", description="Run scenario files (docs/scenarios.md) in guests.")
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a scenario, or a folder of them")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the notes")
    parser.add_argument("--show", action="store_true", help="show what the scenario prints")
    parser.add_argument("-j", type=int, default=1, metavar="N", help="so many at a time")
    parser.add_argument("--keep", action="store_true", help="keep the disk images")
    parser.add_argument("--list", action="store_true", help="only name the scenarios")
    parser.add_argument("--kernel", metavar="KVER",
                        help="the guest's kernel; 'debug' is the one with KASAN and lockdep, "
                             "'trixie' and 'sid' are fetched from there")
    parser.add_argument("--bare", action="store_true",
                        help="a guest without anything of this project")
    parser.add_argument("--timeout", type=float, default=600, metavar="S",
                        help="limit for one scenario (default 600)")
    options = parser.parse_args()
    files = list(_files(options.paths))
    if not files:
        sys.exit("scenario: no scenario there")
    if options.list:
        for path in files:
            print(f"{_name(path)}: {_title(path)}")
        return
    debug = options.kernel == "debug"
    options.payload = _payload(options)
    # Those that another guest beside them does not trouble come first, the longest of them
    # first; not where they are watched, or slow as it is.
    beside = [] if debug or options.verbose or options.show else \
        sorted(filter(_beside, files), key=_beside, reverse=True)
    failed = 0
    for group, together in ((beside, max(2, options.j)),
                            ([file for file in files if file not in beside], max(1, options.j))):
        failed += _run_all(group, together, options)
    print(f"{len(files) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
