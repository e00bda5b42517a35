"""Ends what a killed till may have left: processes that carry this run's mark or sit in its folder.

The tills end their own PostgreSQL, and in namespaces the lab ends everything inside. This is for
the rest, above all on loopback, where no namespace holds processes together.
"""

import os
import pathlib
import signal

MARK = "TITAN_DEMO_RUN"  # in the environment of everything that the demo starts


def find(lab):
    """[process id] of this run, ourselves and our ancestors not among them."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    mine = _ancestors(os.getpid())
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in mine:
            continue
        try:
            marked = mark in (entry / "environ").read_bytes().split(b"\0")
            inside = os.readlink(entry / "cwd").startswith(f"{lab.folder}/")
        except OSError:
            continue
        if marked or inside:
            found.append(int(entry.name))
    return found


def sweep(lab):
    """Kills them; returns how many there were."""
    found = find(lab)
    for process in found:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return len(found)


def _ancestors(process):
    found = set()
    while process > 1:
        found.add(process)
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        process = int(next(line.split()[1] for line in status.splitlines()
                           if line.startswith("PPid:")))
    return found
