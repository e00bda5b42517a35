"""The history of a run: what was observed, as simulations/history/observation.h names it.

Observations are kept in memory with their time and written in order at the end: some are learnt
late (the process behind a start, what is on a disk) and belong earlier. The file's form is that of
simulations/history/history_file.h: ids in hexadecimal digits, an entry's id as [journal, number],
a token as [term, process], a receipt as [terminal, number].
"""

import json
import time

FORMAT, VERSION = "titan-history", 1
EXECUTOR = "lab"


class History:
    def __init__(self):
        self._began = None
        self._rows = []

    def begin(self):
        """Now is the scenario's time zero; what came before gets that time."""
        self._began = time.monotonic_ns() // 1000

    def now_us(self):
        return self.at(time.monotonic())

    def at(self, monotonic):
        """The scenario's time of a moment of time.monotonic()."""
        return 0 if self._began is None else max(0, int(monotonic * 1e6) - self._began)

    def tell(self, what, /, at_us=None, **facts):
        """`entry`: an inventory.Entry."""
        self._rows.append((self.now_us() if at_us is None else at_us, len(self._rows), what, facts))

    def of(self, what):
        """The facts of every observation of one type, in the order of time."""
        return [facts for _, _, told, facts in sorted(self._rows, key=lambda row: row[:2])
                if told == what]

    def write(self, path, scenario, seed):
        written = set()
        with open(path, "w", encoding="utf-8") as out:
            head = {"format": FORMAT, "version": VERSION, "scenario": scenario, "seed": seed}
            out.write(json.dumps(head) + "\n")
            for at_us, _, what, facts in sorted(self._rows, key=lambda row: row[:2]):
                if "entry" in facts and hasattr(facts["entry"], "facts"):
                    entry = facts["entry"]
                    facts = {**facts,
                             "entry": entry.hash if entry.hash in written else entry.facts()}
                    written.add(entry.hash)
                out.write(json.dumps({"at": at_us, "what": what, **facts},
                                     separators=(",", ":"), ensure_ascii=False) + "\n")
