"""Breaks the store: one function per kind of fault. What each means: simulations/scenario.

A function begins the fault on real processes and returns how it ends (None: it is over at once).
Targets by role are looked up at that moment.
"""

import asyncio
import itertools
import os
import signal
import time

from qa.harness.service import ApiError
from qa.harness.waiting import wait_until
from qa.live.shop import STORE, TENANT

RESTART_US = 1_000_000  # where the scenario does not say how long a restart takes
RESTARTING = ("restore_disk", "clone_disk", "lose_disk", "dead_clock", "cloud_restart")
TRAVEL_SECONDS = 0.3  # until what a terminal sent before its end is on the others' disks
COMMIT_SECONDS_MAX = 10  # for the commit that a fault waits for


class Faults:
    def __init__(self, shop, history, faults):
        self._shop = shop
        self._history = history
        self._faults = faults
        self._ends = {}  # number of a fault -> how it ends
        self._tasks = []
        self.failures = []  # of this program, not of what it breaks

    def begin(self):
        for number, fault in enumerate(self._faults):
            if fault.kind in KINDS:
                self._tasks.append(asyncio.create_task(self._live(number, fault)))
            if fault.kind == "restore_disk":
                self._tasks.append(asyncio.create_task(self._keep_images(number, fault)))

    async def end(self):
        """Ends whatever still lasts; what has not begun never will. Who crashed or left without
        coming back stays away."""
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                self.failures.append(outcome)
        for number in sorted(self._ends):
            fault = self._faults[number]
            if fault.lasts_us is None and fault.kind in ("crash", "leave"):
                del self._ends[number]
                self._tell_ended(number)
            else:
                await self._finish(number)

    def notes(self):
        """What was to break and did not."""
        return [f"{terminal.name} had no commit left that could fail ({what})"
                for terminal in self._shop.terminals
                for field, what in (("fail_writes", "failed_commit"),
                                    ("fail_syncs", "doubtful_commit")) if terminal.inside[field]]

    async def _live(self, number, fault):
        await self._until(fault.at_us)
        if fault.kind == "flap":
            await self._flap(number, fault)
            return
        began_us = self._history.now_us()
        names, finish = await KINDS[fault.kind](self, number, fault)
        self._tell_began(number, fault, names, began_us)
        if finish is None:
            self._tell_ended(number)
            return
        self._ends[number] = finish
        lasts_us = fault.lasts_us
        if lasts_us is None and fault.kind in RESTARTING:
            lasts_us = RESTART_US
        if lasts_us is not None:
            await self._until(fault.at_us + lasts_us)
            await asyncio.shield(self._finish(number))

    async def _finish(self, number):
        finish = self._ends.pop(number, None)
        if finish is not None:
            await finish()
            self._tell_ended(number)

    async def _until(self, at_us):
        await asyncio.sleep(max(0, at_us - self._history.now_us()) / 1e6)

    def _tell_began(self, number, fault, names, at_us):
        """`at_us`: before it could have any effect. A leader that leaves hands over at once, and
        is gone a little later."""
        self._history.tell("fault_began", at_us, number=number,
                           fault=f"{fault.kind} {names}".strip(),
                           reaches=self._shop.reachability())

    def _tell_ended(self, number):
        self._history.tell("fault_ended", number=number, reaches=self._shop.reachability())

    def _names(self, places):
        return ", ".join(map(self._shop.name, places))

    async def _terminals(self, names, taken=()):
        return [self._shop.terminals[place] for place in await self._shop.resolve(names, taken)
                if place != self._shop.wires.cloud]

    # --- network ---

    async def _close(self, ways, names):
        wires = self._shop.wires
        wires.close(ways)
        await wires.apply()

        async def finish():
            wires.close(ways, -1)
            await wires.apply()
        return names, finish

    async def cut(self, _number, fault):
        groups, taken = [], []
        for names in fault.groups:
            groups.append(await self._shop.resolve(names, taken))
            taken += groups[-1]
        # A cloud that no group names stays in everybody's reach.
        rest = [terminal.number for terminal in self._shop.terminals
                if terminal.number not in taken]
        if rest:
            groups.append(rest)
        ways = [way for some, others in itertools.combinations(groups, 2)
                for way in self._shop.wires.both_ways(some, others)]
        return await self._close(ways, " | ".join(map(self._names, groups)))

    async def cut_one_way(self, _number, fault):
        senders = await self._shop.resolve(fault.targets)
        receivers = await self._shop.resolve(fault.others, senders)
        ways = [(a, b) for a in senders for b in receivers if a != b]
        return await self._close(ways, f"{self._names(senders)} to {self._names(receivers)}")

    async def deaf(self, _number, fault):
        deaf = await self._shop.resolve(fault.targets)
        self._shop.deaf.update(deaf)
        ways = [(a, b) for a in self._shop.wires.places for b in deaf if a != b]
        names, open_again = await self._close(ways, self._names(deaf))

        async def finish():
            self._shop.deaf.subtract(deaf)
            await open_again()
        return names, finish

    async def _pairs(self, fault):
        """(targets, others; all of them where none are named)."""
        targets = await self._shop.resolve(fault.targets)
        others = await self._shop.resolve(fault.others, targets) if fault.others else \
            [place for place in self._shop.wires.places if place not in targets]
        return targets, others

    async def reset(self, _number, fault):
        targets, others = await self._pairs(fault)
        wires = self._shop.wires
        await asyncio.gather(*(self._shop.lab.reset_connections(
            wires.host(place), [wires.host(other) for other in others if other != place])
            for place in targets))
        return f"{self._names(targets)} with {self._names(others)}", None

    async def freeze(self, _number, fault):
        """TCP repeats what is dropped meanwhile: it arrives later."""
        targets, others = await self._pairs(fault)
        return await self._close(self._shop.wires.both_ways(targets, others),
                                 f"{self._names(targets)} with {self._names(others)}")

    async def degrade(self, _number, fault):
        places, wires = await self._shop.resolve(fault.targets), self._shop.wires
        for place in places:
            wires.degrade(place, fault.quality)
        await wires.apply()

        async def finish():
            for place in places:
                wires.degrade(place, None)
            await wires.apply()
        return self._names(places), finish

    async def _flap(self, number, fault):
        places, wires = await self._shop.resolve(fault.targets), self._shop.wires
        ways = wires.both_ways(places, wires.places)
        ends_us = self._history.now_us() + (fault.lasts_us or self._shop.scenario.lasts_us)
        while self._history.now_us() < ends_us:
            began_us = self._history.now_us()
            names, self._ends[number] = await self._close(ways, self._names(places))
            self._tell_began(number, fault, names, began_us)
            await asyncio.sleep(fault.period_us / 1e6)
            await asyncio.shield(self._finish(number))
            await asyncio.sleep(fault.period_us / 1e6)

    async def star(self, _number, fault):
        middle = await self._shop.resolve(fault.targets)
        leaves = [terminal.number for terminal in self._shop.terminals
                  if terminal.number not in middle]
        return await self._close(self._shop.wires.both_ways(leaves, leaves)[::2],
                                 f"around {self._names(middle)}")

    async def switch_reboot(self, _number, fault):
        wires = self._shop.wires
        wires.switch_down(fault.place)
        await wires.apply()

        async def finish():
            wires.switch_down(fault.place, -1)
            await wires.apply()
        return fault.place, finish

    async def no_multicast(self, _number, _fault):
        wires = self._shop.wires
        wires.filter_multicast()
        await wires.apply()

        async def finish():
            wires.filter_multicast(-1)
            await wires.apply()
        return "", finish

    async def change_address(self, _number, fault):
        """The host's own; without one it reaches nobody."""
        lab, wires = self._shop.lab, self._shop.wires
        terminals = await self._terminals(fault.targets)

        async def give():
            for terminal in terminals:
                await lab.readdress(wires.host(terminal.number), self._shop.fresh_address())
        names = ", ".join(terminal.name for terminal in terminals)
        if fault.lasts_us is None:
            await give()
            return names, None
        for terminal in terminals:
            await lab.readdress(wires.host(terminal.number), None)
        places = [terminal.number for terminal in terminals]
        _, open_again = await self._close(wires.both_ways(places, wires.places), names)

        async def finish():
            await give()
            await open_again()
        return names, finish

    # --- processes ---

    async def _take_down(self, terminals, how):
        """(names, how they come back): each once no fault keeps it down."""
        down = self._shop.down
        for terminal in terminals:
            down[terminal.number] += 1
        await asyncio.gather(*(how(terminal) for terminal in terminals))

        async def finish():
            for terminal in terminals:
                down[terminal.number] -= 1
            await asyncio.gather(*(terminal.start() for terminal in terminals
                                   if down[terminal.number] <= 0))
        return ", ".join(terminal.name for terminal in terminals), finish

    async def crash(self, _number, fault):
        return await self._take_down(await self._terminals(fault.targets), lambda t: t.crash())

    async def leave(self, _number, fault):
        return await self._take_down(await self._terminals(fault.targets), lambda t: t.leave())

    async def stall(self, _number, fault):
        terminals = [t for t in await self._terminals(fault.targets) if t.running]
        for terminal in terminals:
            terminal.stall()

        async def finish():
            for terminal in terminals:
                terminal.resume()
        return ", ".join(terminal.name for terminal in terminals), finish

    # --- disks ---

    async def _set_inside(self, fault, **values):
        terminals = await self._terminals(fault.targets)
        before = [{field: t.inside[field] for field in values} for t in terminals]
        for terminal in terminals:
            for field, value in values.items():
                terminal.inside[field] = value

        async def finish():
            for terminal, was in zip(terminals, before):
                for field, value in was.items():
                    terminal.inside[field] = value
        return ", ".join(terminal.name for terminal in terminals), finish

    async def slow_disk(self, _number, fault):
        return await self._set_inside(fault, sync_us_min=fault.delay_us, sync_us_max=fault.delay_us)

    async def disk_full(self, _number, fault):
        return await self._set_inside(fault, is_full=1)

    async def failed_commit(self, _number, fault):
        return (await self._set_inside(fault, fail_writes=1))[0], None

    async def doubtful_commit(self, _number, fault):
        return (await self._set_inside(fault, fail_syncs=1))[0], None

    async def _keep_images(self, number, fault):
        """The disks as they are `age` before the fault: of all that may turn out to be meant."""
        await self._until(fault.at_us - fault.age_us)
        named = [self._shop.place(name) for name in fault.targets]
        meant = self._shop.terminals if None in named else \
            [self._shop.terminals[place] for place in named]
        await asyncio.gather(*(terminal.keep_image(number) for terminal in meant))

    async def _lose(self, terminal):
        """Crash; what only its disk has is told before that is gone."""
        await terminal.crash()
        await asyncio.sleep(TRAVEL_SECONDS)
        await self._shop.tell_stored()

    async def restore_disk(self, number, fault):
        async def how(terminal):
            await self._lose(terminal)
            await terminal.replace_disk(moment=number)
        return await self._take_down(await self._terminals(fault.targets), how)

    async def clone_disk(self, _number, fault):
        (original,) = await self._terminals(fault.targets)
        others = await self._terminals(fault.others, [original.number])

        async def how(terminal):
            await self._lose(terminal)
            await terminal.replace_disk(of=original)
        names, finish = await self._take_down(others, how)
        return f"of {original.name} to {names}", finish

    async def lose_disk(self, _number, fault):
        async def how(terminal):
            await self._lose(terminal)
            await terminal.replace_disk()
        return await self._take_down(await self._terminals(fault.targets), how)

    async def damage_disk(self, number, fault):
        """It is found when something reads it, at the latest when the terminal starts again."""
        await self._shop.tell_stored()  # what only this disk has
        damaged = []
        for terminal in await self._terminals(fault.targets):
            count = await terminal.damage_disk(fault.pages, f"{number} {terminal.name}")
            damaged.append((terminal, count))

        async def finish():
            for terminal, _ in damaged:
                if terminal.has_damage and terminal.running:
                    await terminal.crash()
                    await terminal.start()
        return ", ".join(f"{count} pages of {t.name}" for t, count in damaged), finish

    # --- clocks ---

    async def skew(self, _number, fault):
        terminals = await self._terminals(fault.targets)
        for terminal in terminals:
            terminal.inside["clock_offset_us"] += fault.delay_us

        async def finish():
            for terminal in terminals:
                terminal.inside["clock_offset_us"] -= fault.delay_us
        return ", ".join(terminal.name for terminal in terminals), finish

    async def drift(self, _number, fault):
        terminals = await self._terminals(fault.targets)
        for terminal in terminals:
            terminal.inside.drift(fault.parts_per_million)

        async def finish():
            for terminal in terminals:
                terminal.inside.drift(0)
        return ", ".join(terminal.name for terminal in terminals), finish

    async def dead_clock(self, _number, fault):
        async def how(terminal):
            await terminal.crash()
            terminal.inside["clock_offset_us"] = -time.time_ns() // 1000
        return await self._take_down(await self._terminals(fault.targets), how)

    # --- cloud ---

    async def cloud_away(self, _number, _fault):
        wires = self._shop.wires
        return await self._close(wires.both_ways([wires.cloud], wires.places), "")

    async def cloud_refuses(self, _number, _fault):
        """Nobody listens."""
        await self._shop.cloud.kill()
        return "", self._shop.cloud.start

    cloud_restart = cloud_refuses  # a restart, too, is a time in which nobody listens

    async def cloud_slow(self, _number, fault):
        wires = self._shop.wires
        wires.slow_cloud(fault.delay_us / 1000)
        await wires.apply()

        async def finish():
            wires.slow_cloud(0)
            await wires.apply()
        return "", finish

    async def gateway_stall(self, _number, _fault):
        """The one that has the uplink: what it holds is what the fault is about."""
        number, resume = await self._shop.cloud.stall_one(STORE, TENANT)

        async def finish():
            resume()
        return f"gateway {number}", finish

    async def cloud_answer_lost(self, _number, _fault):
        """Nothing comes back from the cloud until it has committed something more; then all
        connections to it are reset, and the way is open again."""
        wires, cloud = self._shop.wires, self._shop.cloud
        ways = [(wires.cloud, place) for place in range(wires.terminals)]
        _, finish = await self._close(ways, "")
        try:
            held = (await cloud.store(STORE, TENANT))["entries"]

            async def has_more():
                return (await cloud.store(STORE, TENANT))["entries"] > held
            await wait_until(has_more, COMMIT_SECONDS_MAX, "the cloud commits one more batch")
            self._history.tell("reached", probe="cloud-answer-lost")
        except (AssertionError, ApiError, OSError) as error:
            self._shop.notes.append(f"cloud_answer_lost: {error}")
        await asyncio.gather(*(self._shop.lab.reset_connections(
            wires.host(place), [wires.host(wires.cloud)]) for place in range(wires.terminals)))
        await finish()
        return "", None

    # --- store database: the leader's ---

    async def _leading(self):
        place = await self._shop.leader()
        return [] if place is None else [self._shop.terminals[place]]

    async def database_away(self, _number, _fault):
        stopped = [process for t in await self._leading() for process in t.postgres_processes()]
        _signal(stopped, signal.SIGSTOP)

        async def finish():
            _signal(stopped, signal.SIGCONT)
        return "", finish

    async def database_slow(self, _number, fault):
        terminals = await self._leading()
        for terminal in terminals:
            terminal.inside["database_sync_us"] = fault.delay_us

        async def finish():
            for terminal in terminals:
                terminal.inside["database_sync_us"] = 0
        return ", ".join(terminal.name for terminal in terminals), finish

    async def database_killed(self, _number, _fault):
        for terminal in await self._leading():
            _signal(terminal.postgres_processes()[:1], signal.SIGKILL)
        return "", None


def _signal(processes, number):
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass  # one of PostgreSQL's helpers ended by itself


# Those that simulations/scenario/fault_table.cpp leaves to the simulator are missing: nothing copies a
# running process, say, and no till of ours lies.
KINDS = {name: getattr(Faults, name) for name in (
    "cut", "cut_one_way", "deaf", "reset", "freeze", "degrade", "star", "switch_reboot",
    "no_multicast", "change_address", "crash", "leave", "stall", "slow_disk", "disk_full", "failed_commit",
    "doubtful_commit", "restore_disk", "clone_disk", "lose_disk", "damage_disk",
    "skew", "drift", "dead_clock",
    "cloud_away", "cloud_refuses", "cloud_slow", "cloud_restart", "cloud_answer_lost",
    "gateway_stall", "database_away", "database_slow", "database_killed")}
KINDS["flap"] = Faults._flap
