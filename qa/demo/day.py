"""The day's story: what is sold when, and what is broken and mended meanwhile."""

import asyncio
import time

from qa.harness.waiting import wait_until

# Shares of the day's documents: up to where each part of it goes.
PARTS = (("all together", 0.22), ("the server is dead", 0.42), ("it is back", 0.50),
         ("the LAN is cut", 0.72), ("healed", 0.80), ("the cloud is away", 0.92), ("evening", 1.0))
ANSWERS_LOST = 2  # requests whose answer gets lost just before the leader dies
UNANSWERED_AT_THE_KILL = 2  # requests on their way when it dies
REPEATED_AFTER_THE_RESTART = 3  # answered before the kill, asked again of the new process
FAILOVER_SECONDS_MAX = 15
RESTART_SECONDS_MAX = 20
SPLIT_SECONDS_MAX = 15
HEAL_SECONDS_MAX = 30
WAN_SECONDS_MAX = 30


def divide(documents):
    """{part: its documents}; every part gets some if there are enough."""
    parts, start = {}, 0
    for name, share in PARTS:
        end = round(len(documents) * share)
        parts[name] = documents[start:end]
        start = end
    return parts


class Day:
    def __init__(self, shop, cashiers, watcher, story, documents, per_second):
        self._shop = shop
        self._cashiers = cashiers
        self._watcher = watcher
        self._story = story
        self._parts = divide(documents)
        self._per_second = per_second
        self.headline = ""  # what is broken now, in words

    async def run(self):
        story = self._story
        await self._sell("all together")
        killed = await self._kill_the_leader()
        await self._sell("the server is dead")
        await self._restart(killed)
        await self._sell("it is back")
        if self._shop.lab.isolated:
            await self._cut_the_lan()
            await self._sell("the LAN is cut")
            await self._heal_the_lan()
            await self._sell("healed")
            await self._cut_the_cloud_off()
            await self._sell("the cloud is away")
            await self._bring_the_cloud_back()
        else:
            story.tell("NOT SHOWN: the cut LAN and the cloud cut off. They need network "
                       "namespaces, which take the rights of root. The selling goes on.", "bad")
            for part in ("the LAN is cut", "healed", "the cloud is away"):
                await self._cashiers.sell(self._parts[part], "all together", self._per_second)
        await self._sell("evening")
        story.tell("the shop closes; the sums are being compared", "head")
        self.headline = "proving"

    async def _sell(self, part):
        await self._cashiers.sell(self._parts[part], part, self._per_second)

    # --- the leader dies ---

    async def _kill_the_leader(self):
        shop, story = self._shop, self._story
        leader = await shop.leader()
        token = (await shop.holder())["holder"]["process"]
        # Some customers are just paying there: their requests are on the way when it dies.
        part = self._parts["the server is dead"]
        lost, caught = part[:ANSWERS_LOST], part[ANSWERS_LOST:ANSWERS_LOST + UNANSWERED_AT_THE_KILL]
        del part[:len(lost) + len(caught)]
        self._cashiers.phase = "the kill"
        await self._cashiers.lose_answers(lost, leader)
        paying = await self._cashiers.send_now(caught, leader)
        await asyncio.sleep(0)  # lets each of them write its request
        shop.down.add(leader)
        self.headline = f"{leader.name} is dead"
        killed_at = time.monotonic()
        await leader.kill()
        customers = len(lost) + len(caught)
        story.tell(f"kill -9 of {leader.name}, the store's server, with {customers} customers "
                   "paying there", "bad")
        successor = await shop.wait_for_uplink(FAILOVER_SECONDS_MAX, other_than=token)
        taken = story.figure("failover_s", round(time.monotonic() - killed_at, 3))
        term = (await shop.holder())["holder"]["term"]
        story.tell(f"{successor} leads in term {term}; the cloud accepted its uplink {taken:.2f} s "
                   "after the kill", "good")
        await asyncio.gather(*paying)
        unknown = len(self._cashiers.unknown)
        story.tell(f"{unknown} of {customers} customers at {leader.name} got no answer; nobody "
                   "knows yet whether their sales were recorded")
        return leader

    async def _restart(self, till):
        shop, story = self._shop, self._story
        began = time.monotonic()
        await till.start()
        shop.down.discard(till)
        await wait_until(lambda: self._holds_all(till), RESTART_SECONDS_MAX,
                         f"{till.name} has caught up", every=0.05)
        taken = story.figure("restart_to_caught_up_s", round(time.monotonic() - began, 2))
        self.headline = ""
        story.tell(f"{till.name} is switched on again with its old disk and has caught up after "
                   f"{taken} s", "good")
        known = self._cashiers.repeats_known
        repeated = await self._cashiers.repeat_unknown()
        recorded = self._cashiers.repeats_known - known
        story.figure("unknown_outcomes_repeated", repeated)
        story.tell(f"its {repeated} unanswered sales are sent again with their keys: {recorded} "
                   f"had been recorded before the kill, {repeated - recorded} are new; each counts "
                   "once", "good")
        before = [sold for sold in self._cashiers.sold
                  if sold.till is till and sold.phase == "all together"]
        for sold in before[-REPEATED_AFTER_THE_RESTART:]:
            await self._cashiers.repeat_answered(sold)

    async def _holds_all(self, till):
        """Whether this till's vector covers what every answered sale so far needs."""
        wanted = await self._answered_numbers()
        return _covers(await till.status(), wanted)

    async def _answered_numbers(self):
        wanted = {}
        for sold in list(self._cashiers.sold):
            journal, number = sold.id.split(":")
            wanted.setdefault(journal, set()).add(int(number))
        return wanted

    # --- the LAN is cut ---

    async def _cut_the_lan(self):
        shop, story = self._shop, self._story
        leader = await shop.leader()
        others = [till for till in shop.tills if till is not leader]
        small = max(1, len(shop.tills) * 2 // 5)
        sides = [sorted(side, key=lambda till: till.host)
                 for side in ([leader, *others[:small - 1]], others[small - 1:])]
        await shop.lab.cut(*[[till.host for till in side] for side in sides])
        shop.sides = sides
        self.headline = "the LAN is cut: " + " | ".join(_names(side) for side in sides)
        story.tell(f"{self.headline}; both sides still reach the cloud", "bad")
        leaders = await asyncio.gather(*(shop.leader(side, SPLIT_SECONDS_MAX) for side in sides))
        holder = (await shop.holder())["holder"]
        story.tell(f"each side has a server, {leaders[0].name} and {leaders[1].name}; the cloud "
                   f"takes the uplink of one, {holder['terminal']}, and both sides go on selling")

    async def _heal_the_lan(self):
        shop, story = self._shop, self._story
        wanted = await self._answered_numbers()
        by_side = [sum(1 for sold in self._cashiers.sold if sold.phase == "the LAN is cut"
                       and sold.till in side) for side in shop.sides]
        story.figure("sold_during_the_cut", by_side)
        statuses = await shop.store.statuses()
        apart = len({status["vector"]["root"] for status in statuses})
        await shop.lab.mend(*[[till.host for till in side] for side in shop.sides])
        healed_at = time.monotonic()
        self.headline = "healing"
        differ = "differ" if apart > 1 else "do not differ"
        story.tell(f"the LAN is whole again; {by_side[0]} and {by_side[1]} documents were recorded "
                   f"on the two sides, which {differ} now", "good")

        async def everywhere():
            return all(_covers(status, wanted) for status in await shop.store.statuses())
        await wait_until(everywhere, HEAL_SECONDS_MAX, "every till has the sales of both sides")
        taken = story.figure("heal_s", round(time.monotonic() - healed_at, 2))
        leader = await shop.leader(seconds=HEAL_SECONDS_MAX)
        agreed = story.figure("heal_to_one_leader_s", round(time.monotonic() - healed_at, 2))
        shop.sides = None
        self.headline = ""
        story.tell(f"{taken} s after the heal all {len(shop.tills)} have the sales of both sides; "
                   f"after {agreed} s they agree on {leader.name}", "good")

    # --- the cloud is away ---

    async def _cut_the_cloud_off(self):
        await self._shop.cloud.cut_off()
        self._shop.cloud_cut = True
        self.headline = "the line to the cloud is dead"
        self._story.tell("the line to the cloud is cut; the shop goes on", "bad")

    async def _bring_the_cloud_back(self):
        shop, story = self._shop, self._story
        leader = await shop.leader()
        pending = (await leader.status())["pending_uploads"]
        story.figure("pending_when_the_cloud_came_back", pending)
        back_at = time.monotonic()
        await shop.cloud.reconnect()
        shop.cloud_cut = False
        self.headline = "uploading"
        story.tell(f"the line to the cloud is mended; {pending} entries wait to be uploaded")
        await shop.store.wait_until_uploaded(seconds=WAN_SECONDS_MAX)
        taken = round(time.monotonic() - back_at, 2)
        story.figure("cloud_back_to_nothing_pending_s", taken)
        self.headline = ""
        story.tell(f"after {taken} s nothing is pending on any till", "good")


def _covers(status, wanted):
    """Whether a status' vector holds {journal: numbers}."""
    stored = {row["journal"]: row["stored"] for row in status["vector"]["journals"]}
    return all(any(first <= number <= last for first, last in stored.get(journal, []))
               for journal, numbers in wanted.items() for number in numbers)


def _names(tills):
    return " ".join(till.name.removeprefix("till-") for till in tills)
