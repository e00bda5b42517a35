"""Notices when the whole machine stood still: such a run shows the machine, not the product."""

import asyncio
import time

LOOK_SECONDS = 0.1
STOOD_STILL_SECONDS = 1.5
SAID = "this machine stood still"  # in each of its sentences


class StandStill:
    def __init__(self, history):
        self._history = history
        self._seen = []  # (scenario's time in seconds, seconds)
        self._task = asyncio.create_task(self._watch())

    async def _watch(self):
        while True:
            before = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            late = time.monotonic() - before - LOOK_SECONDS
            if late > STOOD_STILL_SECONDS:
                self._seen.append((self._history.at(before) / 1e6, late))

    def end(self):
        """Sentences for the report."""
        self._task.cancel()
        return [f"at {at:.1f} s {SAID} for {seconds:.1f} s: what was judged "
                "there is not the product's doing" for at, seconds in self._seen]
