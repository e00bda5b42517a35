"""Money back across tills and cuts: what each side could not know, everybody tells once it is known."""

from qa.harness.runner import limit, shared
from qa.harness.waiting import wait_until
from shop import Shop

STORE_PATH = "/v1/tenants/acme/stores/london-1"


@shared(90)
async def shop(lab):
    yield await Shop.open(lab, 4, cloud=True)


async def sell_everywhere(shop, till, sku, price="10.00"):
    """A sale of two pieces that every till holds."""
    sale = await till.api("POST", "/v1/sales", {
        "idempotency_key": till.next_key(),
        "lines": [{"sku": sku, "quantity": "2", "charged_unit_price": price}]})
    await shop.store.wait_until_equal()
    return sale


async def refund(till, sale, **more):
    return await till.api("POST", "/v1/refunds", {
        "idempotency_key": till.next_key(), "original": {"id": sale["id"]}, **more})


async def alarms_about(till, sale):
    return [alarm["code"] for alarm in (await till.status())["alarms"]
            if sale["receipt"] in alarm["message"]]


async def everybody_tells_once(shop, sale, tills=None):
    async def told():
        for till in tills or shop.tills:
            codes = await alarms_about(till, sale)
            assert codes == ["refunded_more_than_sold"], f"{till.name} tells {codes}"
        return True
    await wait_until(told, 5, "every till tells once that too much came back")


async def cloud_tells(shop, sale):
    async def told():
        alarms = (await shop.cloud.api("GET", f"{STORE_PATH}/alarms"))["alarms"]
        found = [alarm for alarm in alarms if alarm["sale"] == sale["id"]]
        assert len(found) == 1, alarms
        return found[0]
    return await wait_until(told, 10, "the cloud tells once that too much came back")


@limit(90)
async def test_two_tills_refund_one_sale_on_two_sides_of_a_cut(shop):
    left, right = shop.tills[:2], shop.tills[2:]
    sale = await sell_everywhere(shop, left[0], "twice-back")
    await shop.lab.partition([till.host for till in left], [till.host for till in right])
    paid = [await refund(till, sale) for till in (left[1], right[1])]
    assert [entry["total"] for entry in paid] == ["20.00", "20.00"]
    assert [entry["flags"] for entry in paid] == [[], []], "neither side could know"
    await shop.lab.heal()
    await shop.store.wait_until_equal(seconds=10)
    await everybody_tells_once(shop, sale)
    told = await cloud_tells(shop, sale)
    assert (told["sold"], told["refunded"]) == ("2", "4"), told
    assert (told["paid"], told["refunded_amount"]) == ("20.00", "40.00"), told
    look = await left[0].api("GET", f"/v1/sales/{sale['id']}")
    assert look["refundable"]["total"] == "-20.00", look["refundable"]


@limit(90)
async def test_one_till_voids_what_another_refunds_behind_a_cut(shop):
    left, right = shop.tills[:2], shop.tills[2:]
    sale = await sell_everywhere(shop, left[0], "void-and-back")
    await shop.lab.partition([till.host for till in left], [till.host for till in right])
    await left[0].api("POST", "/v1/voids", {"idempotency_key": left[0].next_key(), "sale": sale["id"]})
    back = await refund(right[0], sale, lines=[{"sku": "void-and-back", "quantity": "1"}])
    assert back["flags"] == [], "the other side could not know"
    await shop.lab.heal()
    await shop.store.wait_until_equal(seconds=10)
    await everybody_tells_once(shop, sale)
    told = await cloud_tells(shop, sale)
    assert told["voided"] is True, told


@limit(60)
async def test_a_discounted_sale_comes_back_at_another_till_in_parts(shop):
    first, second = shop.tills[0], shop.tills[1]
    sale = await first.api("POST", "/v1/sales", {
        "idempotency_key": first.next_key(),
        "lines": [{"sku": "cup", "quantity": "3", "charged_unit_price": "7.00"},
                  {"sku": "jug", "quantity": "1", "charged_unit_price": "21.00"}],
        "discounts": [{"amount": "4.99", "reason": "coupon"}]})
    assert sale["total"] == "37.01"
    await shop.store.wait_until_equal()
    back = []
    for till, lines in ((second, [{"sku": "cup", "quantity": "1"}]), (second, [{"sku": "cup", "quantity": "1"}]),
                        (first, None)):
        entry = await refund(till, sale, **({"lines": lines} if lines else {}))
        assert entry["flags"] == [], entry
        back.append(entry["total"])
        await shop.store.wait_until_equal()
    assert sum(round(float(total) * 100) for total in back) == 3701, back
    look = await second.api("GET", f"/v1/sales/{sale['id']}")
    assert look["refundable"]["total"] == "0.00", look["refundable"]
    assert {line["quantity"] for line in look["refundable"]["lines"]} == {"0"}
