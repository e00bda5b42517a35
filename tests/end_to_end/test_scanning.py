"""Scans as scanners send them, labels of scales, shared codes and units, against the real daemon."""

from qa.harness.runner import shared
from qa.harness.store import Store
from shop import refused

LIST = """sku,gtin,description,price,unit,delisted
JAM-A,9501101530003,old jam,2.10,,true
JAM-B,09501101530003,new jam,2.40,,false
CUP,5012345678900,cup,3.00,,false
CUP-OFFER,5012345678900,cup on offer,2.00,,false
SODA,012345000065,soda,1.20,,false
HAM,9506000134352,ham,18.00,kg,false
3071,,cheese of the counter,19.99,kg,false
"""


async def nothing_to_clear():
    """Between tests: each looks at its own sales only."""


@shared()
async def till(lab):
    await lab.create(1)
    till = Store(lab).add(1)
    till.settings["labels"] = {"preset": "DE"}
    till.settings["mesh"]["mdns"] = False
    await till.start()
    await till.api("PUT", "/v1/products", body=LIST, headers={"Content-Type": "text/csv"})
    till.reset = nothing_to_clear
    yield till


async def line(till, code, **more):
    sale = await till.sell({"gtin": code, "quantity": "1", **more})
    return {**sale["lines"][0], "total": sale["total"]}


async def test_of_two_articles_with_one_code_the_one_in_the_range_is_sold(till):
    sold = await line(till, "9501101530003")
    assert (sold["sku"], sold["total"], sold["flags"]) == ("JAM-B", "2.40", []), sold


async def test_a_shared_code_is_told_and_flagged(till):
    rows = (await till.api("GET", "/v1/products?gtin=5012345678900"))["products"]
    assert [row["sku"] for row in rows] == ["CUP", "CUP-OFFER"], rows
    assert "gtin_shared" in (await line(till, "5012345678900"))["flags"]
    assert (await line(till, "5012345678900", sku="CUP-OFFER"))["flags"] == []


async def test_scans_in_every_form_find_the_article(till):
    for code in ("]E05012345678900\r\n", "01234565", "]E00012345000065", "]C10109506000134352310300019510L1",
                 "(01)09506000134352(3103)000195", "https://id.example/01/09506000134352/10/L1?3103=000195"):
        rows = await till.api("GET", "/v1/products?gtin=" + "".join(f"%{byte:02X}" for byte in code.encode()))
        assert rows["products"] and not rows["messages"], (code, rows)
    sold = await line(till, "]d20109506000134352310300019517200101" + "10L-7\x1d21S1\r")
    assert (sold["sku"], sold["quantity"], sold["unit"], sold["total"]) == ("HAM", "0.195", "kg", "3.51"), sold
    assert sold["scan"]["lot"] == "L-7" and sold["scan"]["serial"] == "S1", sold
    assert "expired" in sold["flags"], sold


async def test_labels_are_read_by_the_table_of_the_store(till):
    weighed = await line(till, "2930711068700")
    assert (weighed["sku"], weighed["quantity"], weighed["total"]) == ("3071", "6.870", "137.33"), weighed
    priced = await line(till, "2330714002396")
    assert (priced["sku"], priced["total"]) == ("3071", "2.39"), priced
    await refused(till.sell({"gtin": "2330715002395", "quantity": "1"}), 400, "misread")


async def test_units_are_converted_or_refused(till):
    sold = await till.sell({"sku": "HAM", "quantity": "250", "unit": "g"})
    assert (sold["lines"][0]["quantity"], sold["total"]) == ("0.25", "4.50"), sold
    await refused(till.sell({"sku": "CUP", "quantity": "250", "unit": "g"}), 400, "250 g", "pieces")
    await refused(till.sell({"sku": "HAM", "quantity": "2", "unit": "bunch"}), 400, "bunch", "kg")


async def test_skus_are_visible_and_counted_in_characters(till):
    for sku in ("TEA-7\u00a0", "TE\u200bA", "\ufeffTEA"):
        body = f"sku,price\n{sku},1.00\n"
        if sku.startswith("\ufeff"):
            body = "price,sku\n1.00," + sku + "\n"
        await refused(till.api("PUT", "/v1/products", body=body.encode(), headers={"Content-Type": "text/csv"}),
                      400, "invisible", f"U+{ord(sku.strip('TEA-7')):04X}")
    await till.import_products([{"sku": "\u00f6" * 60, "description": "\u00f6" * 900, "price": "1.00"}])
    assert (await till.sell({"sku": "\u00f6" * 60, "quantity": "1"}))["total"] == "1.00"


async def test_vouchers_of_the_shop_stay_readable(till):
    for reference, kept in (("2012345678901", True), ("2900000000009", True), ("2223000048400011", False)):
        sale = await till.sell({"sku": "CUP", "quantity": "1"},
                               payments=[{"method": "voucher", "amount": "3.00", "reference": reference}])
        shown = sale["payments"][0]["reference"]
        assert (shown == reference) == kept, sale["payments"]
        assert ("reference_masked" in sale["flags"]) != kept, sale["flags"]
