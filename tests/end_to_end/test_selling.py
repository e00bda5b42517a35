"""What a cashier does, on real tills."""

from qa.harness.runner import shared
from qa.harness.store import Store
from qa.harness.waiting import wait_until
from shop import GOODS, Shop, refused


@shared()
async def shop(lab):
    yield await Shop.open(lab, 3)


async def test_a_till_that_is_alone_sells(lab):
    await lab.create(1)
    (till,) = await Store(lab).open([1])
    sale = await till.sell({"sku": "a", "quantity": "2", "charged_unit_price": "0.75"})
    assert sale["total"] == "1.50" and sale["receipt_number"] == 1, sale
    assert await till.on_hand("a") == "-2"
    assert (await till.status())["pending_uploads"] == 1


async def test_a_new_price_is_charged_from_the_next_sale_on(lab):
    await lab.create(2)
    store = Store(lab)
    one, two = await store.open([1, 2])
    await store.wait_for_members()
    for price in ("1.25", "2.50"):
        await one.import_products([{"sku": "mug", "description": "MUG", "gtins": [], "currency": "GBP",
                                    "price": price, "tax_code": "S", "tax_rate_basis_points": 2000}])
        assert (await one.sell("mug"))["total"] == price

        async def told(price=price):
            return (await two.api("GET", "/v1/products/mug"))["price"] == price
        await store.wait_until_equal(seconds=10)
        await wait_until(told, 5, f"the other till knows the price {price}")
        assert (await two.sell("mug", "mug"))["total"] == f"{2 * float(price):.2f}"


async def test_two_tills_sell_the_same_product_and_agree(shop):
    one, two, three = shop.tills
    await shop.sell_some([one, two], times=5)
    await shop.agree()
    assert await three.on_hand(GOODS[0]) == str(shop.book.moved[GOODS[0]])


async def test_a_sale_is_on_every_till_disk_and_says_so(shop):
    sale = await shop.book.sell(shop.tills[0], "p03")
    for till in shop.tills:
        async def copies(till=till):
            return (await till.api("GET", f"/v1/sales/{sale['id']}"))["copies"] == 3
        await wait_until(copies, 5, f"{till.name} knows three copies of the sale")


async def test_selling_the_last_piece_and_one_more_is_shown_on_every_screen(shop):
    one, two, three = shop.tills
    await shop.book.deliver(one, {"sku": "p07", "quantity": "1"})
    await shop.store.wait_until_equal()
    before = shop.book.moved["p07"]
    async with three.events() as events:
        await shop.book.sell(one, ("p07", int(before)))
        await events.wait_for(lambda event: event.get("sku") == "p07"
                              and event["state"] == "out_of_stock", 3, "p07 is out of stock")
        await shop.book.sell(two, "p07")
        shown = await events.wait_for(lambda event: event.get("sku") == "p07"
                                      and event["state"] == "back_order", 3, "p07 is on back order")
        assert shown["display"] == "-1 (Back Order)", shown
        await events.wait_for(lambda event: event["type"] == "alarm"
                              and "p07" in event["message"], 3, "an alarm to reorder p07")
    assert (await three.api("GET", "/v1/stock/p07"))["display"] == "-1 (Back Order)"


async def test_events_say_which_terminal_made_an_entry_without_a_receipt(shop):
    author, watcher = shop.tills[0], shop.tills[1]
    async with author.events() as own, watcher.events() as other:
        answer = await shop.book.deliver(author, ("p08", 5))
        for events in (own, other):
            told = await events.wait_for(lambda event: event["type"] == "sale"
                                         and event["id"] == answer["id"], 5, "the delivery")
            assert told["terminal"] == author.name, told


async def test_refund_void_and_adjustment_move_stock_on_every_till(shop):
    one, two, three = shop.tills
    before = shop.book.moved["p09"]
    sale = await one.sell(("p09", 3))
    await shop.store.wait_until_equal()
    refund = await two.api("POST", "/v1/refunds", {
        "idempotency_key": two.next_key(), "original": {"id": sale["id"], "lines": [0]},
        "lines": [{"sku": "p09", "quantity": "1"}]})
    assert refund["kind"] == "refund" and refund["receipt"].startswith("till-2"), refund
    wrong = await one.sell(("p09", 10))
    void = {"sale": wrong["id"], "reason": "typed 10 for 1", "cashier": "c-1"}
    await shop.store.wait_until_equal()
    await refused(two.api("POST", "/v1/voids", {**void, "idempotency_key": two.next_key()}),
                  403, "another terminal", code="refused")
    voided = await one.api("POST", "/v1/voids", {**void, "idempotency_key": one.next_key()})
    shop.book.other_receipts += [sale, refund, wrong, voided]
    await three.adjust(("p09", -1), reason="broken")
    await shop.store.wait_until_equal()
    shop.book.moved["p09"] = before - 3 + 1 - 1
    for till in shop.tills:
        assert await till.on_hand("p09") == str(shop.book.moved["p09"]), till.name
        assert (await till.api("GET", f"/v1/sales/{wrong['id']}"))["voided_by"], till.name


async def test_a_repeated_request_returns_the_first_answer_also_after_a_kill(shop):
    till = shop.tills[1]
    first = await shop.book.sell(till, ("p05", 2), key="basket-1")
    again = await till.sell(("p05", 2), key="basket-1")
    assert {**again, "copies": 0} == {**first, "copies": 0}
    await till.kill()
    await till.start()
    after = await till.sell(("p05", 2), key="basket-1")
    assert {**after, "copies": 0} == {**first, "copies": 0}
    await refused(till.sell(("p05", 3), key="basket-1"), 409, "idempotency_key", code="conflict")
    await shop.settled()
    await shop.agree()


async def test_receipts_run_on_without_a_gap_over_kills_and_restarts(shop):
    till = shop.tills[2]
    last = None
    for how in (till.kill, till.stop, till.kill):
        for _ in range(3):
            sale = await shop.book.sell(till, "p02")
            if last:
                assert sale["receipt_number"] == last["receipt_number"] + 1, (last, sale)
            last = sale
        await how()
        await till.start()
        fresh = await shop.book.sell(till, "p02")
        assert fresh["receipt_number"] == last["receipt_number"] + 1, (last["receipt"], fresh["receipt"])
        assert fresh["series"] != last["series"], "a process continued the journal of another"
        assert fresh["receipt"][-4:] != last["receipt"][-4:], (last["receipt"], fresh["receipt"])
        last = fresh
    await shop.settled()
    await shop.agree()


async def test_a_till_killed_in_the_middle_of_its_sales_keeps_every_acknowledged_one(shop):
    till = shop.tills[0]
    async with shop.selling([till], per_second=200) as load:
        await load.wait_for(30)
        await till.kill()
        await till.start()
        await load.wait_for(10)
    await shop.settled()
    await shop.agree()
