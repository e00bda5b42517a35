"""Who reaches whom, and how well: the scenario's topology and the faults of the network.

A place is a terminal by its number, or the cloud, the last one; place P is host P + 1 of the lab.
Faults overlap: each way from one place to another counts what closes it, and is open again when
all of that is gone. `apply()` brings the lab to the present shape at one stroke.
"""

import asyncio
import collections

from qa.live.scenario import is_plain, share, switch_of

# The line from the shop to the cloud: a usual one, as the simulator has it.
CLOUD_DELAY_MS, CLOUD_JITTER_MS = 11, 3


class Wires:
    def __init__(self, lab, topology, has_cloud):
        self._lab = lab
        self._topology = topology
        self.terminals = len(topology.terminals)
        self.cloud = self.terminals if has_cloud else None
        self.places = list(range(self.terminals + (1 if has_cloud else 0)))
        self._closed = collections.Counter()  # (from, to) -> faults that close this way
        self._switches_down = collections.Counter()
        self._filters = 0
        self._degraded = {}
        self._cloud_delay_ms = 0
        self._shown = None  # what the lab was last told
        self._netem = {}
        self._turn = asyncio.Lock()
        self._paths = {(a, b): self._path(a, b) for a in self.places for b in self.places if a != b}

    @staticmethod
    def host(place):
        return place + 1

    # --- what faults do; apply() makes it so ---

    def close(self, ways, change=1):
        """Nothing passes from the first to the second place of each pair; -1 takes it back."""
        for way in ways:
            self._closed[way] += change

    def switch_down(self, name, change=1):
        self._switches_down[name] += change

    def filter_multicast(self, change=1):
        self._filters += change

    def degrade(self, place, quality):
        """The place's own line becomes this; None: what it was."""
        self._degraded[place] = quality

    def slow_cloud(self, delay_ms):
        self._cloud_delay_ms = delay_ms

    def heal(self):
        self._closed.clear()
        self._switches_down.clear()
        self._filters = 0
        self._degraded.clear()
        self._cloud_delay_ms = 0

    # --- what is so ---

    def both_ways(self, some, others):
        """Every way between two sets of places, both directions."""
        return [way for a in some for b in others if a != b for way in ((a, b), (b, a))]

    def is_open(self, a, b):
        return not self._closed[a, b] and not any(
            self._switches_down[name] for name in self._paths[a, b])

    def reachability(self, hears):
        """For each terminal, and the cloud as the last one, those it exchanges frames with, itself
        included; none for a place that does not hear. `hears`: places whose process runs."""
        rows = [[b for b in self.places if a in hears and b in hears and
                 (a == b or (self.is_open(a, b) and self.is_open(b, a)))] for a in self.places]
        return rows if self.cloud is not None else [*rows, []]

    async def apply(self):
        async with self._turn:
            cut, oneway, mute = [], [], []
            for a in self.places:
                for b in self.places:
                    if a == b:
                        continue
                    pair = (self.host(a), self.host(b))
                    closed, back = not self.is_open(a, b), not self.is_open(b, a)
                    if a < b and closed and back:
                        cut.append(pair)
                    elif closed and not back:
                        oneway.append(pair)
                    if a < b and not self._passes_multicast(a, b):
                        mute.append(pair)
            if (cut, oneway, mute) != self._shown:
                self._shown = (cut, oneway, mute)
                await self._lab.ways(cut, oneway, mute)
            await asyncio.gather(*(self._apply_line(place) for place in self.places))

    async def lay(self, later_degraded):
        """The lines as the topology has them. Places whose line gets worse later have their relay
        from the beginning, so that nothing but the quality changes then."""
        for place in later_degraded:
            await self._lab.netem(self.host(place), delay=0)
            self._netem[place] = None
        await self.apply()

    # --- topology ---

    def _switch(self, place):
        if place == self.cloud:
            return switch_of(self._topology, self._topology.cloud_switch, root=True)
        return switch_of(self._topology, self._topology.terminals[place].switch)

    def _path(self, a, b):
        """The names of the switches on the way."""
        def to_root(item):
            names = []
            while item is not None and item.name not in names:
                names.append(item.name)
                item = switch_of(self._topology, item.uplink) if item.uplink else None
            return names
        up, down = to_root(self._switch(a)), to_root(self._switch(b))
        meets = next((name for name in up if name in down), None)
        return up[:up.index(meets) + 1] + down[:down.index(meets)][::-1] if meets else []

    def _passes_multicast(self, a, b):
        if self._filters:
            return False
        names = self._paths[a, b]
        return all(item.passes_multicast for item in self._topology.switches if item.name in names)

    async def _apply_line(self, place):
        wanted = self._line(place)
        if wanted == self._netem.get(place):
            return
        if wanted is None and place not in self._netem:
            return
        self._netem[place] = wanted
        for direction, settings in (wanted or {"both": netem([])}).items():
            await self._lab.netem(self.host(place), direction, **settings)

    def _line(self, place):
        """Settings of the relay on a place's cable by direction; None: a plain cable will do."""
        if place == self.cloud:
            line = {"delay": CLOUD_DELAY_MS, "jitter": CLOUD_JITTER_MS}
            up = {**line, "delay": CLOUD_DELAY_MS + self._cloud_delay_ms}
            return {"up": up, "down": line}
        own = self._degraded.get(place) or self._topology.terminals[place].line
        if is_plain(own):
            own = None
        at = self._switch(place)
        if own is None and is_plain(at):
            return None
        lines = [own] if own else []
        return {"up": netem(lines + ([] if is_plain(at) else [at]), place),
                "down": netem(lines, place + 1000)}


def netem(qualities, seed=1):
    """What the lab's relay needs to be as bad as these lines one after the other."""
    def together(name):
        kept = 1.0
        for quality in qualities:
            kept *= 1 - share(getattr(quality, name))
        return round(100 * (1 - kept), 3)
    rate = min((quality.bytes_per_second for quality in qualities), default=0)
    return {"delay": sum(q.delay_min_us + q.delay_max_us for q in qualities) / 2000,
            "jitter": sum(q.delay_max_us - q.delay_min_us for q in qualities) / 2000,
            "loss": together("loss"), "dup": together("duplication"),
            "reorder": together("reordering"), "rate": round(rate * 8 / 1000), "seed": seed}
