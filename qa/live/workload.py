"""What is sold: drawn from the scenario's workload and the seed, before anything runs.

The same seed gives the same requests in the same order. What a refund or void names is the place
of an earlier sale of the same terminal; whether that sale was acknowledged shows only in the run.
"""

import csv
import dataclasses
import random

from qa.live.scenario import ScenarioError, share

PIECES_MAX = 3
PRICE = "1.50"  # of everything
DELIVERY_PIECES = 24
OPENING_PIECES, OPENING_LINES = 100_000, 500
SKEW = 3  # the higher, the more of all sales the first products make
UNITS_PER_PIECE = 1_000_000
LINES_MAX = 1_000  # of one request of a trading day; a terminal takes twice as many
SPREAD_STEP_SECONDS = 7919
KEYS_REUSED_MAX = 100  # so many of the last requests may be the one whose key comes again


@dataclasses.dataclass(frozen=True)
class Request:
    number: int
    at_us: int
    terminal: int
    kind: str  # sale, refund, void, delivery
    lines: tuple  # (sku, pieces); of a refund the places of the sale's lines; of a void none
    # Of a refund or void: the number of the request it undoes. A refund of none: goods that were
    # brought back without a receipt, its lines are (sku, pieces).
    sale: int | None = None
    is_repeated: bool = False
    key_of: int | None = None  # the number of an earlier request whose key it comes with

    @property
    def key(self):
        number = self.number if self.key_of is None else self.key_of
        return f"lab-{number:06}" if number >= 0 else f"opening-{-number:06}"


def sku(index):
    return f"p{index:05}"


def articles(scenario, requests):
    """Every sku of the store."""
    if scenario.workload.day_file:
        return sorted({code for request in requests for code, _ in request.lines})
    return [sku(index) for index in range(scenario.workload.products)]


def opening(skus, terminal):
    """Deliveries to one terminal before anything is sold, so that nothing runs out."""
    return [Request(-1 - at, 0, terminal, "delivery",
                    tuple((code, OPENING_PIECES) for code in skus[at:at + OPENING_LINES]))
            for at in range(0, len(skus), OPENING_LINES)]


def draw(scenario, seed):
    """Every request of the run, in the order of time."""
    workload = scenario.workload
    chance = random.Random(f"{seed} requests")
    if workload.day_file:
        return list(_requests_of_day(scenario, chance))
    reused_keys = getattr(workload, "reused_keys", [0, 100])
    again = random.Random(f"{seed} old keys")
    requests, sales = [], {}
    for at_us in _moments(workload, scenario.lasts_us, random.Random(f"{seed} moments")):
        terminal = chance.randrange(len(scenario.topology.terminals))
        request = _draw_one(workload, chance, len(requests), at_us, terminal,
                            sales.setdefault(terminal, []))
        if request.kind == "sale":
            sales[terminal].append(request)
        requests.append(request)
        if again.random() < share(reused_keys) and len(requests) > 1:
            requests.append(_with_an_old_key(workload, again, at_us, requests))
    return requests


def _with_an_old_key(workload, chance, at_us, requests):
    """Another basket under the key of an earlier request of one terminal: a screen whose own
    counter went back, with its disk or otherwise."""
    earlier = chance.choice(requests[-1 - KEYS_REUSED_MAX:-1])
    return Request(len(requests), at_us, earlier.terminal, "sale", _draw_lines(workload, chance),
                   key_of=earlier.number if earlier.key_of is None else earlier.key_of)


def _moments(workload, lasts_us, chance):
    """The time of each request: at random, at the mean rate."""
    per_second = share(workload.sales_per_second)
    ends = min(lasts_us, workload.stops_at_us if workload.stops_at_us is not None else lasts_us)
    if per_second == 0:
        return
    at_us = chance.expovariate(per_second) * 1e6
    while at_us < ends:
        yield int(at_us)
        at_us += chance.expovariate(per_second) * 1e6


def _requests_of_day(scenario, chance):
    """The invoices of a trading day in the Online Retail layout, day_speed times as fast. Only
    what moves stock is taken: article and quantity; a negative one was brought back."""
    workload = scenario.workload
    invoices = _invoices(workload.day_file)
    first = min((when for when, _ in invoices), default=0)
    number = 0
    # Invoices of one minute are spread over it, as the simulator does.
    timed = sorted((when - first + at * SPREAD_STEP_SECONDS % 60, at, lines)
                   for at, (when, lines) in enumerate(invoices))
    for second, _, lines in timed:
        at_us = second * 1_000_000 // workload.day_speed
        terminal, repeats = chance.randrange(len(scenario.topology.terminals)), chance.random()
        if at_us >= scenario.lasts_us:
            return
        is_repeated = repeats < share(workload.repeats)
        sold = [(code, pieces) for code, pieces in lines if pieces > 0]
        brought_back = [(code, -pieces) for code, pieces in lines if pieces < 0]
        for kind, of_kind in (("sale", sold), ("refund", brought_back)):
            if of_kind:
                yield Request(number, at_us, terminal, kind, tuple(of_kind[:LINES_MAX]), None,
                              is_repeated)
                number += 1


def _invoices(path):
    """[(second of the day, [(sku, pieces)])] in the order of the file."""
    invoices = {}
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            try:
                name = row["Invoice" if "Invoice" in row else "InvoiceNo"]
                code, pieces = row["StockCode"].strip(), int(float(row["Quantity"]))
                _, lines = invoices.setdefault(name, (_second_of_day(row["InvoiceDate"]), []))
            except (KeyError, ValueError, AttributeError, IndexError, TypeError):
                raise ScenarioError(f"{path}:{number}: not a line of InvoiceNo,StockCode,"
                                    "Description,Quantity,InvoiceDate") from None
            if code and pieces:
                lines.append((code, pieces))
    return list(invoices.values())


def _second_of_day(text):
    hour, minute, *second = text.split()[1].split(":")
    return int(hour) * 3600 + int(minute) * 60 + int(second[0] if second else 0)


def _draw_one(workload, chance, number, at_us, terminal, sales):
    # Drawn in any case, so that one choice does not shift all that follow.
    refunds, voids, deliveries, repeats = (chance.random() for _ in range(4))
    which, lines = chance.random(), _draw_lines(workload, chance)
    is_repeated = repeats < share(workload.repeats)
    kind = "refund" if refunds < share(workload.refunds) else \
        "void" if voids < share(workload.voids) else None
    if kind and sales:
        # Each sale is undone once at most: more than that is an alarm, and rightly so.
        earlier = sales.pop(int(which * len(sales)))
        places = (int(which * len(earlier.lines)),) if kind == "refund" else ()
        return Request(number, at_us, terminal, kind, places, earlier.number, is_repeated)
    if deliveries < share(workload.deliveries):
        came = tuple((code, DELIVERY_PIECES) for code, _ in lines)
        return Request(number, at_us, terminal, "delivery", came, None, is_repeated)
    return Request(number, at_us, terminal, "sale", lines, None, is_repeated)


def _draw_lines(workload, chance):
    lines = {}
    for _ in range(chance.randint(1, workload.lines_max)):
        if workload.choice == "same-product":
            index = 0
        elif workload.choice == "skewed":
            index = int(workload.products * chance.random() ** SKEW)
        else:
            index = chance.randrange(workload.products)
        lines.setdefault(sku(index), chance.randint(1, PIECES_MAX))
    return tuple(lines.items())
