"""Wall clocks that go back, were ahead or died, on real tills: dates, flags, alarms, prices.

The clock is set from within (qa/live/interpose.c); the monotonic clock runs on, as on a
machine whose clock somebody sets.
"""

import datetime

from qa.harness.cloud import Cloud
from qa.harness.runner import limit
from qa.harness.store import Store
from qa.harness.waiting import wait_until
from shop import refused
from qa.live import inside

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
STORE_PATH = "/v1/tenants/acme/stores/london-1"
# Noon UTC: no test may meet midnight.
NOON = datetime.datetime(2027, 3, 9, 12, tzinfo=datetime.timezone.utc)


class Clock:
    """The wall clock of one till."""

    def __init__(self, lab, name):
        self._inside = inside.Inside(inside.build(lab.folder), lab.folder / f"{name}.control")
        self.prefix = self._inside.command()

    def show(self, moment):
        """What it shows from now on, running."""
        real = datetime.datetime.now(datetime.timezone.utc)
        self._inside["clock_offset_us"] = round((moment - real).total_seconds() * 1e6)


async def open_till(lab, clock=None, cloud=None, **store):
    settings = Store(lab)
    till = settings.add(1, cloud=cloud, prefix=clock.prefix if clock else ())
    till.settings["mesh"]["mdns"] = False
    till.settings["store"].update({"time_zone": "Europe/Berlin", **store})
    await till.start()
    return till


async def open_alone(lab, shown, **store):
    """(the clock, a till that is a store by itself and starts at what the clock shows)."""
    await lab.create(1)
    clock = Clock(lab, "till-1")
    clock.show(shown)
    return clock, await open_till(lab, clock, **store)


async def sell(till, **fields):
    return await till.api("POST", "/v1/sales", {
        "idempotency_key": till.next_key(),
        "lines": [{"sku": "rake", "quantity": "1", "charged_unit_price": "7.20"}], **fields})


async def alarm_codes(till):
    return [alarm["code"] for alarm in (await till.status())["alarms"]]


@limit(60)
async def test_a_clock_that_goes_back_takes_neither_time_nor_date_with_it(lab):
    evening = NOON.replace(hour=23, minute=4)  # four minutes past midnight in Berlin
    clock, till = await open_alone(lab, evening)
    first = await sell(till)
    assert first["business_date"] == "2027-03-10" and first["flags"] == [], first
    dead = datetime.datetime(1970, 1, 1, 0, 3, tzinfo=datetime.timezone.utc)
    for shown in (evening - datetime.timedelta(minutes=9), evening - datetime.timedelta(hours=7),
                  evening.replace(year=2025), dead):
        clock.show(shown)
        sale = await sell(till)
        assert (sale["time"], sale["business_date"]) == (first["time"], "2027-03-10"), (shown, sale)
        assert "clock_held" in sale["flags"], (shown, sale)
    assert "clock_implausible" in sale["flags"] and sale["clock_quality"] == "implausible", sale
    codes = [code for code in await alarm_codes(till) if code != "clock_implausible"]
    assert codes == ["clock_back"], await till.status()
    clock.show(evening + datetime.timedelta(minutes=1))
    right = await sell(till)
    assert right["flags"] == [] and right["time"] > first["time"], right


@limit(60)
async def test_a_jump_ahead_that_is_taken_back_ends_in_a_new_journal(lab):
    clock, till = await open_alone(lab, NOON)
    before = await sell(till)
    clock.show(NOON + datetime.timedelta(days=2900))
    ahead = await sell(till)
    assert ahead["business_date"] == "2035-02-15", ahead
    assert ahead["series"] == before["series"], "a jump ahead alone leaves the journal as it is"
    clock.show(NOON + datetime.timedelta(minutes=3))
    after = await sell(till)
    assert after["business_date"] == "2027-03-09" and after["flags"] == [], after
    assert after["series"] != ahead["series"], "the till goes on in a new journal"
    assert after["receipt_number"] == ahead["receipt_number"] + 1, after
    alarms = (await till.status())["alarms"]
    assert [alarm["code"] for alarm in alarms] == ["clock_ahead"], alarms
    assert "2035-02-15" in alarms[0]["message"] and "2900 days" in alarms[0]["message"], alarms
    assert (await till.status())["clock"]["quality"] != "held"


@limit(60)
async def test_a_till_without_a_clock_takes_the_latest_day_it_knows(lab):
    clock, till = await open_alone(lab, NOON)
    await sell(till)
    await till.stop()
    clock.show(datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc))
    await till.start()
    sale = await sell(till)
    assert sale["business_date"] == "2027-03-09", sale
    assert sale["flags"] == ["clock_implausible"], sale
    stated = await sell(till, business_date="2027-03-08")
    assert stated["business_date"] == "2027-03-08", stated
    # Set right, it goes on as if nothing had been.
    clock.show(NOON + datetime.timedelta(days=1))
    sale = await sell(till)
    assert (sale["business_date"], sale["flags"]) == ("2027-03-10", []), sale


@limit(60)
async def test_the_night_belongs_to_the_day_before_and_a_stated_day_is_judged(lab):
    half_past_two = NOON.replace(hour=1, minute=30)  # in Berlin
    clock, till = await open_alone(lab, half_past_two, day_ends="04:00")
    assert (await sell(till))["business_date"] == "2027-03-08"
    clock.show(NOON.replace(hour=3, minute=1))
    assert (await sell(till))["business_date"] == "2027-03-09"
    status = (await till.status())["clock"]
    assert (status["time_zone"], status["business_date"]) == ("Europe/Berlin", "2027-03-09"), status

    assert (await sell(till, business_date="2027-03-07"))["flags"] == []
    for far in ("2027-03-01", "2072-03-09", "2000-01-01", "2100-12-31"):
        assert (await sell(till, business_date=far))["flags"] == ["business_date_differs"], far
    bodies = {
        "sales": {"lines": [{"sku": "rake", "quantity": "1", "charged_unit_price": "7.20"}]},
        "refunds": {"lines": [{"sku": "rake", "quantity": "1", "charged_unit_price": "7.20"}]},
        "deliveries": {"lines": [{"sku": "rake", "quantity": "1"}]},
        "adjustments": {"lines": [{"sku": "rake", "quantity": "1"}], "reason": "found"},
    }
    for path, body in bodies.items():
        for impossible in ("0000-01-01", "1999-12-31", "2101-01-01", "9999-12-31"):
            body = {**body, "idempotency_key": f"{path}-{impossible}", "business_date": impossible}
            await refused(till.api("POST", f"/v1/{path}", body), 400, "2000-01-01", field="business_date")
    delivery = await till.api("POST", "/v1/deliveries",
                              {**bodies["deliveries"], "idempotency_key": "far",
                               "business_date": "2031-01-01"})
    assert delivery["flags"] == ["business_date_differs"], delivery


@limit(120)
async def test_head_office_clears_a_price_that_was_set_years_ahead(lab):
    await lab.create(2)
    cloud = Cloud(lab, 2)
    await cloud.start()
    clock = Clock(lab, "till-1")
    till = await open_till(lab, clock, cloud=cloud)

    async def shows(price):
        async def there():
            return (await till.api("GET", "/v1/products/hoe"))["price"] == price
        await wait_until(there, 15, f"the till sells the hoe at {price}")

    async def head_office(price, **fields):
        await cloud.api("PUT", f"{STORE_PATH}/products", {
            "products": [{"sku": "hoe", "price": price, "currency": "GBP", **fields}]})

    async def known():
        return await cloud.store("london-1") is not None
    await wait_until(known, 15, "the cloud knows the store")
    await head_office("14.00")
    await shows("14.00")
    now = datetime.datetime.now(datetime.timezone.utc)
    for years, own, office in ((9, "9.50", "15.00"), (70, "8.80", "16.00"), (700, "8.10", "17.00")):
        clock.show(now + datetime.timedelta(days=365 * years))
        await till.import_products([{"sku": "hoe", "price": own}])
        clock.show(datetime.datetime.now(datetime.timezone.utc))
        await shows(own)
        await till.wait_until(lambda status: status["pending_uploads"] == 0, 15,
                              "head office has the till's price")
        await head_office(office, clears_override=True)
        await shows(office)
        # And the store may differ again, with the right time.
        await till.import_products([{"sku": "hoe", "price": "9.90"}])
        await shows("9.90")
        await till.wait_until(lambda status: status["pending_uploads"] == 0, 15,
                              "head office has that one, too")
        await head_office(office, clears_override=True)
        await shows(office)
