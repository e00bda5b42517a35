"""The store of a scenario on real processes: one host per terminal, one for the cloud."""

import asyncio
import collections
import itertools
import random
import secrets

from qa.harness.service import ApiError
from qa.harness.waiting import wait_until
from qa.live import inside, inventory, workload
from qa.live.gateways import Gateways
from qa.live.scenario import has_cloud
from qa.live.terminal import Terminal
from qa.live.wires import Wires

TENANT, STORE = "acme", "lab-1"
AVAHI_TERMINALS_MAX = 12  # with more, mDNS runs only where the scenario is about it
OPEN_SECONDS_MAX = 90
DEAD_NETWORK, NO_ROUTER = "10.77", "10.77.0.253"  # 10.77.HOST.x: nobody can be reached there
PRODUCTS_PER_IMPORT = 10_000
FRESH_HOST_MIN = 120  # behind every host that a lab of 100 terminals and its cloud have


class Shop:
    def __init__(self, lab, scenario, history, seed):
        self.lab = lab
        self.scenario = scenario
        self.history = history
        self.cloud = None
        self.terminals = []
        self.wires = Wires(lab, scenario.topology, has_cloud(scenario))
        self.down = collections.Counter()  # number of a terminal -> faults that keep it down
        self.deaf = collections.Counter()  # likewise
        self._entries = {}  # one object per entry, however many hold it
        self._told = set()  # (place, hash): who is known to hold what
        self.first_seen = {}  # (number, "journal:number") -> when its event stream told it
        self._chance = random.Random(f"{seed} targets")
        self._fresh_hosts = itertools.count(FRESH_HOST_MIN)
        self.notes = []

    def fresh_address(self):
        """One that no host begins with."""
        return f"10.77.0.{next(self._fresh_hosts)}"

    # --- opening ---

    async def open(self, skus):
        """Everything that does not start later runs, one leads, all have the catalogue."""
        topology = self.scenario.topology
        await self.lab.create(len(self.wires.places))
        if self.wires.cloud is not None:
            self.cloud = Gateways(self.lab, self.wires.host(self.wires.cloud), (TENANT,),
                                  topology.gateways)
            await self.cloud.start()
        await asyncio.to_thread(self._make_terminals)
        await self.wires.lay(self._later_degraded())
        await self._add_dead_addresses()
        if self._mdns():
            await self.lab.start_avahi(*(terminal.number + 1 for terminal in self.terminals))
        first = [terminal for terminal in self.terminals
                 if not topology.terminals[terminal.number].starts_at_us]
        await asyncio.gather(*(terminal.start() for terminal in first))
        await self.until(self.has_one_leader, OPEN_SECONDS_MAX, "one leader on which all agree")
        await self._import([{"sku": sku, "description": f"Product {sku}", "price": workload.PRICE}
                            for sku in skus])
        await self.until(self.is_equal, OPEN_SECONDS_MAX, "all terminals have the catalogue")
        if self.cloud:
            await wait_until(self._is_connected, OPEN_SECONDS_MAX, "the cloud accepted an uplink")

    def _make_terminals(self):
        library = inside.build(self.lab.folder)
        settings = {"tenant": TENANT, "store": STORE, "currency": "GBP",
                    "secret": secrets.token_hex(32)}
        topology = self.scenario.topology
        for number, specification in enumerate(topology.terminals):
            control = inside.Inside(library, self.lab.folder / f"{specification.name}.control")
            self.terminals.append(Terminal(self.lab, self.history, number, specification, settings,
                                           self.cloud, control, self.disk_is_replaced))
        for terminal in self.terminals:
            specification, given = terminal.specification, terminal.till.settings
            given["terminal"].update(may_lead=specification.may_lead,
                                     priority=specification.priority)
            given["mesh"].update(profile=topology.timing, mdns=self._mdns())
            if topology.seeds:
                given["mesh"]["seeds"] = [other.till.mesh_address for other in self.terminals
                                          if other is not terminal]
            given["store_database"]["mode"] = "auto"
            given["log"]["level"] = "info"

    async def _add_dead_addresses(self):
        """Addresses of cards to which no cable leads. Whoever dials one sends it to a router, as
        for any address elsewhere, and that router is not there."""
        numbers = {terminal.number: terminal.specification.dead_addresses
                   for terminal in self.terminals}
        if not any(numbers.values()):
            return

        async def add(terminal):
            commands = [f"ip route add {DEAD_NETWORK}.0.0/16 via {NO_ROUTER} dev eth0",
                        "ip link add dead0 type veth peer name unplugged", "ip link set dead0 up"]
            host = terminal.number + 1
            commands += [f"ip address add {DEAD_NETWORK}.{host}.{at + 1}/32 dev dead0"
                         for at in range(numbers[terminal.number])]
            code, _, errors = await self.lab.run(host, "sh", "-ec", "; ".join(commands))
            assert code == 0, f"{terminal.name}: a card without a cable could not be made: {errors}"
        await asyncio.gather(*map(add, self.terminals))

    async def tell_dead_addresses_dialled(self):
        """Somebody asked for that router: it is among the neighbours a host has looked for."""
        if not any(terminal.specification.dead_addresses for terminal in self.terminals):
            return
        for terminal in self.terminals:
            _, output, _ = await self.lab.run(terminal.number + 1, "ip", "neighbour", "show",
                                              NO_ROUTER)
            if output.strip():
                self.history.tell("reached", probe="dead-address-dialled")
                return

    def _mdns(self):
        topology = self.scenario.topology
        is_about_it = any(fault.kind == "no_multicast" for fault in self.scenario.faults) or \
            not all(item.passes_multicast for item in topology.switches)
        wanted = topology.mdns and (len(topology.terminals) <= AVAHI_TERMINALS_MAX
                                    or not topology.seeds or is_about_it)
        if topology.mdns and not wanted and not self.notes:
            self.notes.append(f"mDNS is off: {len(topology.terminals)} Avahi daemons on one machine "
                              "would be what is measured; terminals find each other by seeds")
        return wanted

    def _later_degraded(self):
        """Places whose line some fault makes worse."""
        places = set()
        for fault in self.scenario.faults:
            if fault.kind != "degrade":
                continue
            named = [self.place(name) for name in fault.targets]
            places |= {terminal.number for terminal in self.terminals} if None in named \
                else set(named)
        return sorted(places - {self.wires.cloud})

    def first_running(self):
        """The others may start later."""
        return next(terminal for terminal in self.terminals if terminal.running)

    async def _import(self, products):
        till = self.first_running().till
        for at in range(0, len(products), PRODUCTS_PER_IMPORT):
            await till.import_products(products[at:at + PRODUCTS_PER_IMPORT])

    # --- who is who ---

    def place(self, name):
        """Of a terminal or the cloud by name; None for a role."""
        if name == "cloud":
            return self.wires.cloud
        return next((terminal.number for terminal in self.terminals if terminal.name == name), None)

    def name(self, place):
        return "cloud" if place == self.wires.cloud else self.terminals[place].name

    async def resolve(self, names, taken=()):
        """Places of targets: names, or roles as they are at this moment. Each a different one."""
        found = []
        for name in names:
            place = self.place(name)
            if place is None:
                place = await self._in_role(name, {*taken, *found})
            if place is not None:
                found.append(place)
        return found

    async def _in_role(self, role, taken):
        leader = await self.leader()
        if role == "leader":
            return leader
        running = [terminal.number for terminal in self.terminals
                   if terminal.running and terminal.number not in taken
                   and (role == "any" or terminal.number != leader)]
        return self._chance.choice(running) if running else None

    async def leader(self):
        """The terminal that leads, by what they say; of two the one with the higher term."""
        found = [(status["leader"]["term"], number) for number, status in
                 (await self.statuses()).items() if status["role"] == "leader"]
        return max(found)[1] if found else None

    def hearing(self):
        """Places that take part: their process runs, and they are not deaf."""
        places = {terminal.number for terminal in self.terminals
                  if terminal.hears and not self.deaf[terminal.number]}
        if self.cloud and self.cloud.process.running:
            places.add(self.wires.cloud)
        return places

    def reachability(self):
        return self.wires.reachability(self.hearing())

    # --- what is stored ---

    def _known(self, entry):
        return self._entries.setdefault((entry.journal, entry.number, entry.hash), entry)

    async def tell_stored(self):
        """Tells the history what is on each disk and in the cloud, as far as it was not told. An
        entry counts from when the terminal's event stream told it, if it did."""
        for terminal in self.terminals:
            for entry in await asyncio.to_thread(terminal.entries_on_disk):
                if (terminal.number, entry.hash) not in self._told:
                    self._told.add((terminal.number, entry.hash))
                    seen = self.first_seen.get((terminal.number, f"{entry.journal}:{entry.number}"))
                    self.history.tell("entry_stored", seen, terminal=terminal.number,
                                      entry=self._known(entry))
        if self.cloud is None:
            return
        held = await self.reading(inventory.read_cloud(self.cloud, TENANT, STORE),
                                  "the cloud's database")
        for entry in held or ():
            if (self.wires.cloud, entry.hash) not in self._told:
                self._told.add((self.wires.cloud, entry.hash))
                self.history.tell("cloud_holds", entry=self._known(entry))

    def disk_is_replaced(self, terminal, held):
        """What else it held is no longer there, until it comes again."""
        kept = {entry.hash for entry in held}
        self._told = {(place, hash) for place, hash in self._told
                      if place != terminal.number or hash in kept}
        self.first_seen = {key: at for key, at in self.first_seen.items()
                           if key[0] != terminal.number}
        self.saw_on_disk(terminal, held)

    def saw_on_disk(self, terminal, held):
        """These are there by now, whether or not an event will tell of them."""
        for entry in held:
            self.first_seen.setdefault((terminal.number, f"{entry.journal}:{entry.number}"),
                                       self.history.now_us())

    async def tell_store_database(self):
        leader = await self.leader()
        if leader is None:
            return
        till = self.terminals[leader].till
        held = await self.reading(
            inventory.read_store_database(till, TENANT, STORE), "the store database")
        if held:
            self.history.tell("database_opened", terminal=leader, entries=len(held[0]))
        for entry in held[0] if held else ():
            self.history.tell("database_holds", terminal=leader, entry=self._known(entry),
                              token=list(held[1]))

    async def reading(self, awaitable, what):
        """Its outcome; None, and a note, when it could not be read."""
        try:
            return await awaitable
        except (OSError, ApiError, RuntimeError) as error:
            self.notes.append(f"{what} could not be read: {error}")
            return None

    # --- states ---

    async def statuses(self):
        """{number: status} of the terminals that answer."""
        async def ask(terminal):
            try:
                return await terminal.till.api("GET", "/v1/status", seconds=1)
            except (OSError, ApiError):
                return None
        heard = [terminal for terminal in self.terminals if terminal.hears]
        answers = await asyncio.gather(*map(ask, heard))
        return {terminal.number: answer for terminal, answer in zip(heard, answers) if answer}

    async def until(self, holds, seconds, what):
        """Waits until holds({number: status} of all that run); AssertionError with what was seen."""
        seen = {}

        async def condition():
            seen["now"] = await self.statuses()
            running = sum(terminal.running for terminal in self.terminals)
            return len(seen["now"]) == running and holds(seen["now"])
        await wait_until(condition, seconds, what, every=0.1, seen=lambda: "".join(
            f"\n  {self.terminals[number].name}: role {status['role']}, "
            f"leader {(status['leader'] or {}).get('terminal')}, "
            f"entries {status['vector']['entries']}, pending {status['pending_uploads']}"
            for number, status in seen.get("now", {}).items()))

    @staticmethod
    def has_one_leader(statuses):
        leaders = {(status["leader"] or {}).get("process") for status in statuses.values()}
        leading = [status for status in statuses.values() if status["role"] == "leader"]
        return len(leaders) == 1 and len(leading) == 1 and leading[0]["process"] in leaders

    @staticmethod
    def is_equal(statuses):
        return len({(status["vector"]["root"], status["stock_digest"])
                    for status in statuses.values()}) == 1

    def is_settled(self, statuses):
        """Converged: one leader, all equal, everything in the cloud and in the store database."""
        if not self.has_one_leader(statuses) or not self.is_equal(statuses):
            return False
        if self.cloud and any(status["pending_uploads"] for status in statuses.values()):
            return False
        leading = next(status for status in statuses.values() if status["role"] == "leader")
        database = leading["store_database"]
        return database["state"] == "up" and database["behind"] == 0

    async def _is_connected(self):
        row = await self.cloud.store(STORE, TENANT)
        return row and row["connected"] and row["holder"]
