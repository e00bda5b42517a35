"""What is broken inside one titan-pos: its disk's syncs and writes, its wall clock.

interpose.c is preloaded into the process and reads a small mapped file at each call; this module
writes it. PostgreSQL, a child of titan-pos, inherits it.
"""

import mmap
import os
import pathlib
import struct
import subprocess
import time

SOURCE = pathlib.Path(__file__).with_name("interpose.c")
FIELDS = ("sync_us_min", "sync_us_max", "is_full", "fail_writes", "fail_syncs", "database_sync_us",
          "clock_offset_us", "clock_ppm", "clock_since_us",
          "writes_failed", "syncs_failed", "syncs_delayed")
_WORD = struct.Struct("=q")


def build(folder):
    """Compiles interpose.c into a folder that every user may read; returns the library."""
    library = pathlib.Path(folder) / "interpose.so"
    made = subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE],
                          capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"gcc could not build {SOURCE.name}:\n{made.stderr}")
    return library


class Inside:
    """The control file of one terminal; lives through its restarts."""

    def __init__(self, library, path):
        self._library = library
        self._path = pathlib.Path(path)
        self._path.write_bytes(bytes(_WORD.size * len(FIELDS)))
        os.chmod(self._path, 0o644)  # the private PostgreSQL runs as another user
        with open(self._path, "r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), 0)

    def command(self):
        """The words in front of a command line that put the process under this control."""
        return ["env", f"LD_PRELOAD={self._library}", f"INTERPOSE_CONTROL={self._path}"]

    def __getitem__(self, field):
        return _WORD.unpack_from(self._mapped, _WORD.size * FIELDS.index(field))[0]

    def __setitem__(self, field, value):
        _WORD.pack_into(self._mapped, _WORD.size * FIELDS.index(field), int(value))

    def drift(self, parts_per_million):
        """From now on; 0 ends it and what was gained stays."""
        now = time.monotonic_ns() // 1000
        gained = (now - self["clock_since_us"]) * self["clock_ppm"] // 1_000_000
        self["clock_offset_us"] += gained if self["clock_ppm"] else 0
        self["clock_since_us"] = now
        self["clock_ppm"] = parts_per_million

    def close(self):
        self._mapped.close()
