"""The shop of the demo: tills, cloud, the network between them, and what is down or cut now."""

import asyncio
import collections

from qa.harness.cloud import Cloud
from qa.harness.pos import API_PORT
from qa.harness.store import Store
from qa.harness.waiting import wait_until

TENANT, STORE = "acme", "london-1"
CLOUD_PORT = 8500
START_SECONDS_MAX = 40
PRODUCTS_SECONDS_MAX = 30
PRODUCTS_PER_REQUEST = 500
DELIVERY_LINES = 400
BOX = 6  # pieces; the morning's delivery comes in whole boxes
SHORT_EVERY = 15  # of every so many products the supplier sent too little


class Shop:
    """`whole` is False while the LAN is cut. `down` holds tills that were killed."""

    def __init__(self, lab, tills, story):
        self.lab = lab
        self.story = story
        self.count = tills
        self.cloud_host = tills + 1
        self.store = None
        self.cloud = None
        self.down = set()
        self.sides = None  # two lists of tills while the LAN is cut
        self.cloud_cut = False
        self.addresses = {}  # name -> where a browser on this machine finds its API

    @property
    def tills(self):
        return self.store.tills

    @property
    def up(self):
        return [till for till in self.tills if till not in self.down]

    @property
    def whole(self):
        return self.sides is None

    async def open(self):
        """Everything switched on, all tills at once, as in the morning."""
        lab, story = self.lab, self.story
        if lab.isolated:
            story.tell(f"making a LAN of {self.cloud_host} hosts, and mDNS on it")
        await lab.create(self.cloud_host)
        avahi = asyncio.create_task(self._start_avahi())
        self.cloud = Cloud(lab, self.cloud_host, tenants=(TENANT,))
        await self.cloud.start()
        await avahi
        story.tell(f"the cloud runs, with its own PostgreSQL; now all {self.count} tills are "
                   "switched on at once")
        began = story.seconds()
        self.store = Store(lab, tenant=TENANT, store=STORE)
        for host in range(1, self.count + 1):
            till = self.store.add(host, cloud=self.cloud)
            till.settings["store_database"]["mode"] = "auto"
            till.settings["mesh"]["mdns"] = lab.isolated
            till.settings["log"]["level"] = "info"
        if not lab.isolated:
            for till in self.tills:
                till.settings["mesh"]["seeds"] = [other.mesh_address for other in self.tills
                                                  if other is not till]
        await asyncio.gather(*(till.start() for till in self.tills))
        await self.store.wait_for_members(seconds=START_SECONDS_MAX)
        leader = await self.store.wait_for_leader(seconds=START_SECONDS_MAX)
        story.figure("found_each_other_s", round(story.seconds() - began, 2))
        how = "by mDNS" if lab.isolated else "by their configured addresses"
        story.tell(f"{self.count} tills found each other {how} and chose {leader.name} as the "
                   "store's server", "good")
        await self.wait_for_uplink(START_SECONDS_MAX)
        await self._publish()
        return leader

    async def _start_avahi(self):
        if self.lab.isolated:
            await self.lab.start_avahi(*range(1, self.count + 1))

    async def _publish(self):
        places = [(till.name, till.host, till.api_port, API_PORT + till.host)
                  for till in self.tills]
        places.append(("cloud", self.cloud_host, CLOUD_PORT, CLOUD_PORT))
        for name, host, port, wanted in places:
            if not self.lab.isolated:
                wanted = port
            else:
                try:
                    wanted = await self.lab.publish(host, port, wanted)
                except OSError:  # taken on this machine
                    wanted = await self.lab.publish(host, port)
            self.addresses[name] = f"http://127.0.0.1:{wanted}"

    # --- who leads, who holds the uplink ---

    async def holder(self):
        """The cloud's row of this store: who holds its uplink, how many entries it has."""
        return await self.cloud.store(STORE, TENANT)

    async def wait_for_uplink(self, seconds, other_than=None):
        """Until the cloud has accepted the uplink of a till that runs: that till's name.

        `other_than`: a process id that is gone and still may be the last holder shown."""
        async def accepted():
            row = await self.holder()
            holder = (row or {}).get("holder")
            if not holder or not row["connected"] or holder["process"] == other_than:
                return None
            return holder["terminal"]
        return await wait_until(accepted, seconds, "the cloud accepted an uplink", every=0.01)

    async def leader(self, tills=None, seconds=10, other_than=None):
        return await self.store.wait_for_leader(tills or self.up, seconds, other_than)

    # --- goods ---

    async def import_products(self, products):
        """Most come from head office through the feed, the rest from a spreadsheet at a till."""
        keyed_in = products[::8]
        from_head_office = [product for product in products if product not in keyed_in]
        began = self.story.seconds()
        for at in range(0, len(from_head_office), PRODUCTS_PER_REQUEST):
            part = {"products": from_head_office[at:at + PRODUCTS_PER_REQUEST]}
            await self.cloud.api("PUT", f"/v1/tenants/{TENANT}/stores/{STORE}/products", part,
                                 seconds=30)
        if keyed_in:
            await self.tills[-1].api("PUT", "/v1/products", body=_spreadsheet(keyed_in),
                                     headers={"Content-Type": "text/csv"}, seconds=30)
        await self._wait_for_products({product["sku"] for product in products})
        taken = round(self.story.seconds() - began, 2)
        self.story.figure("products_on_every_till_s", taken)
        self.story.tell(f"{len(from_head_office):,} products came from head office, "
                        f"{len(keyed_in):,} from a spreadsheet at {self.tills[-1].name}: after "
                        f"{taken} s all are on every till", "good")

    async def _wait_for_products(self, wanted):
        missing = {till: wanted for till in self.tills}

        async def arrived():
            for till in [till for till, skus in missing.items() if skus]:
                there = {product["sku"] for product in await till.pages("/v1/products", "products")}
                missing[till] = wanted - there
            return not any(missing.values())
        await wait_until(arrived, PRODUCTS_SECONDS_MAX, "every product is on every till", every=0.1,
                         seen=lambda: {till.name: f"{len(skus)} missing, e.g. {sorted(skus)[:3]}"
                                       for till, skus in missing.items() if skus})

    def morning_delivery(self, rows):
        """{sku: pieces}: what the day will take of each product, in whole boxes; now and then one
        piece too few, so that running out can be watched. The file knows no opening stock."""
        need = collections.Counter()
        for row in rows:
            need[row.code] += max(row.quantity, 0)
        delivered = {}
        for index, (code, pieces) in enumerate(need.items()):
            boxes = -(-pieces // BOX) * BOX
            delivered[code] = max(1, pieces - 1) if index % SHORT_EVERY == 0 else boxes + BOX
        return {code: pieces for code, pieces in delivered.items() if pieces > 0}

    async def receive(self, delivered):
        """The delivery, booked in parts at several tills at once: {key: id of its entry}."""
        lines = [{"sku": code, "quantity": str(pieces)} for code, pieces in delivered.items()]
        parts = [lines[at:at + DELIVERY_LINES] for at in range(0, len(lines), DELIVERY_LINES)]

        async def book(number, part):
            till = self.tills[number % len(self.tills)]
            key = f"delivery-{number + 1}"
            sheet = f"delivery note, sheet {number + 1}"
            answer = await till.deliver(*part, key=key, document=sheet)
            return key, answer["id"]
        booked = await asyncio.gather(*(book(number, part) for number, part in enumerate(parts)))
        return dict(booked)


def _spreadsheet(products):
    """As a spreadsheet of a country with decimal commas saves it: a byte order mark, semicolons, a header
    in capitals, 2,55, and an empty row that somebody left at the end."""
    def field(text):
        return '"' + text.replace('"', '""') + '"'
    rows = ["SKU;Description;Price"]
    for product in products:
        price = product.get("price", "").replace(".", ",")
        rows.append(f"{field(product['sku'])};{field(product.get('description', ''))};{price}")
    return "\ufeff" + "\r\n".join([*rows, ";;"]) + "\r\n"
