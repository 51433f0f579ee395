"""Runs one scenario file in this process: run.py FILE FOLDER OPTIONS-as-JSON."""
import json
import os
import runpy
import signal
import sys
import time
import traceback
from pathlib import Path

from . import store, verbs
from .machine import Failure, Machine
from .process import die_with_parent

EMULATOR = 3  # exit status: not the scenario has failed, QEMU has (Guest.crashed, lost_timer)


def _where(error, scenario):
    """The innermost line of the scenario file that an error came through."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__)
             if frame.filename == scenario]
    return f"line {lines[-1].lineno}: {lines[-1].line}" if lines else ""


class TimeIsUp(BaseException):
    """It has run for --timeout. No TimeoutError: after those some try again."""


def _time_is_up(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise TimeIsUp("the scenario is still running")


def main():
    """Exit status 0 only if the scenario has passed and the guest calls itself sound."""
    die_with_parent()
    signal.signal(signal.SIGTERM, _time_is_up)
    scenario, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    sys.path.insert(0, str(Path(scenario).parent))
    with open(folder / "log.txt", "a", encoding="utf-8") as log:
        def say(text):
            log.write(text + "\n")
            log.flush()
        machine = Machine(folder, say, {"kernel": options["kernel"],
                                        "payload": Path(options["payload"])})
        verbs.use(machine, options["verbose"])
        if options["verbose"] or options["show"]:
            store.announce = lambda text: print(f"{verbs.now():6.1f} s  {text}", flush=True)
        status = 0
        try:
            names = {name: getattr(verbs, name) for name in verbs.__all__}
            began = time.monotonic()
            runpy.run_path(scenario, init_globals=names, run_name="__main__")
            if machine.guest:
                machine.verdict()
            machine.splats()
            if not machine.boots:
                raise Failure("the scenario has booted no guest")
            say(f"passed after {time.monotonic() - began:.1f} s")
        except BaseException as error:  # whatever it is, it is this scenario's failure
            status = 1
            say(traceback.format_exc())
            print(f"{type(error).__name__}: {error}\n  {_where(error, scenario)}", flush=True)
            try:
                machine.splats()
            except Failure as splat:
                if str(splat) != str(error):
                    print(splat, flush=True)
            if machine.guest and not machine.guest.crashed():
                machine.guest.testify()
            if machine.guest and (machine.guest.crashed() or machine.guest.lost_timer()):
                status = EMULATOR
        finally:
            machine.close()
    # Threads of the harness may still wait for a guest that is gone.
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
