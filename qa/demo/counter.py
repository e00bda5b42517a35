"""What the published day does not show: a discount on the whole sale that comes back in parts at other
tills, and a sale paid in rounded cash. The figures are worked out by hand, here, and each request
states its total, which the till checks.

Three cups at 7.00 and a jug at 21.00, 4.99 off: 37.01. The discount belongs to the lines in proportion
(2.50 and 2.49), so 18.50 were paid for the cups and 18.51 for the jug. The cups come back as 6.17, 6.17
and 6.16, the jug at 18.51: 37.01 in all.
"""

import dataclasses
import datetime
import decimal

from qa.demo.importer import Document

EQUAL_SECONDS_MAX = 20


@dataclasses.dataclass
class CounterSums:
    """What these customers add to the day: nothing to the stock, for all of it came back."""

    keys: list
    sales_total: decimal.Decimal
    refunds_total: decimal.Decimal


async def serve(shop, cashiers, products, story):
    """`products`: at least two of the day's; their own prices are not used."""
    cup, jug = products[0]["sku"], products[1]["sku"]
    first, second = shop.up[0], shop.up[-1]
    keys, sums = [], {"sale": decimal.Decimal(0), "refund": decimal.Decimal(0)}

    async def record(till, key, kind, total, **body):
        document = Document(key, kind, datetime.datetime.now(), {
            "idempotency_key": key, "currency": "GBP", "total": total, **body})
        await shop.store.wait_until_equal(seconds=EQUAL_SECONDS_MAX)  # the other till knows the sale
        sold = await cashiers.serve(till, document)
        keys.append(key)
        sums[kind] += decimal.Decimal(total)
        return sold

    def line(sku, quantity, price):
        return {"sku": sku, "quantity": quantity, "charged_unit_price": price}

    discounted = await record(first, "counter-discounted", "sale", "37.01",
                              lines=[line(cup, "3", "7.00"), line(jug, "1", "21.00")],
                              discounts=[{"amount": "4.99", "reason": "coupon"}])
    original = {"original": {"id": discounted.id}}
    one_cup = {"lines": [{"sku": cup, "quantity": "1"}]}
    await record(second, "counter-cup-back", "refund", "6.17", **original, **one_cup)
    await record(first, "counter-cup-back-again", "refund", "6.17", **original, **one_cup)
    await record(second, "counter-rest-back", "refund", "24.67", **original)
    story.tell("a sale of 42.00 less a coupon of 4.99 came back in three parts at two tills: "
               "6.17 + 6.17 + 24.67 = 37.01, what was paid", "good")

    rounded = await record(second, "counter-rounded", "sale", "10.00",
                           lines=[line(jug, "1", "9.98")], rounding="0.02")
    await record(first, "counter-rounded-back", "refund", "10.00", original={"id": rounded.id})
    story.tell("a sale of 9.98, paid as 10.00 in rounded cash, came back as 10.00", "good")
    return CounterSums(keys, sums["sale"], sums["refund"])
