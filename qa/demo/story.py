"""What happened when: the lines a person reads while the demo runs, and the figures it takes."""

import dataclasses
import math
import time


@dataclasses.dataclass(frozen=True)
class Line:
    seconds: float  # since the start of the demo
    text: str
    mood: str  # "plain", "bad" (something is broken on purpose), "good", "head"


class Story:
    """`tell` records a line and hands it to `on_line`, the screen."""

    def __init__(self, clock=time.monotonic):
        self._clock = clock
        self._began = clock()
        self.lines = []
        self.figures = {}
        self.on_line = lambda line: None

    def seconds(self):
        return self._clock() - self._began

    def tell(self, text, mood="plain"):
        line = Line(self.seconds(), text, mood)
        self.lines.append(line)
        self.on_line(line)

    def figure(self, name, value):
        """A measured value, by a name that says its unit."""
        self.figures[name] = value
        return value


def percentile(values, share):
    """The value that `share` of them do not exceed (nearest rank); None of none."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
