"""The store and the head office: uplink, cuts, deaths, exact sums afterwards."""

import shutil
import ssl
import subprocess

from qa.harness.cloud import Cloud
from qa.harness.runner import limit, shared
from qa.harness.store import Store
from qa.harness.waiting import wait_until
from shop import GOODS, PRICE, refused, Shop

STORE_PATH = "/v1/tenants/acme/stores/london-1"


@shared(90)
async def shop(lab):
    yield await Shop.open(lab, 4, cloud=True, spare_hosts=1)


async def test_the_cloud_shows_what_the_store_sold(shop):
    await shop.book.deliver(shop.tills[1], *[{"sku": sku, "quantity": "50"} for sku in GOODS])
    await shop.sell_some(shop.tills, times=3)
    await shop.agree()
    await shop.cloud_agrees()
    leader = await shop.leader()
    row = await shop.wait_for_uplink(of=leader)
    assert row["quarantined"] == 0, row

    async def caught_up():
        row = await shop.uplink()
        assert row["lag_entries"] == 0, row
        return True
    await wait_until(caught_up, 5, "the cloud shows no lag of the store")
    sale = await shop.book.sell(shop.tills[2], ("p01", 2))
    await wait_for_in_cloud(shop, shop.tills[0], sale)
    sales = await every_sale(shop)
    assert set(sales) == set(shop.book.sales), "the cloud's list of sales is not the tills'"
    assert sales[sale["id"]]["receipt"] == sale["receipt"], sales[sale["id"]]
    assert sales[sale["id"]]["total"] == "3.00", sales[sale["id"]]


async def wait_for_in_cloud(shop, till, sale):
    async def there():
        return (await till.api("GET", f"/v1/sales/{sale['id']}"))["in_cloud"]
    await wait_until(there, 5, f"{till.name} shows sale {sale['receipt']} as in the cloud")


async def every_sale(shop):
    """{id: row} of the cloud's sales of the store."""
    found, start = {}, ""
    while True:
        page = await shop.cloud.api("GET", f"{STORE_PATH}/sales?limit=1000{start}")
        for row in page["sales"]:
            assert row["id"] not in found, f"the cloud lists {row['id']} twice"
            found[row["id"]] = row
        if not page.get("next"):
            return found
        start = f"&from={page['next']}"


async def test_sales_go_on_while_the_wan_is_cut_and_drain_afterwards(shop):
    await shop.cloud.cut_off()
    async with shop.selling(shop.tills, per_second=5) as load:
        await load.wait_for(5)
        assert load.slowest < 2, f"a sale took {load.slowest:.2f} s without the cloud"
    await shop.agree()
    pending = (await shop.tills[0].status())["pending_uploads"]
    assert pending >= 20, f"{pending} pending after 20 sales without the cloud"
    sold = sum(load.acknowledged.values())
    await shop.cloud.reconnect()
    await shop.cloud_agrees(seconds=30)
    assert sold >= 20


@limit(120)
async def test_split_store_with_the_cloud_in_reach_of_both_sides_has_one_uplink(shop):
    left, right = shop.tills[:2], shop.tills[2:]
    await shop.lab.cut([till.host for till in left], [till.host for till in right])
    for side in (left, right):
        await shop.store.wait_for_members(side, seconds=10)
    left_leader, right_leader = await shop.leader(left), await shop.leader(right)
    # The side that elects late may take the uplink over once, under its higher term.
    kept, refused = None, None

    async def settled():
        nonlocal kept, refused
        left_state, right_state = [(await leader.status())["uplink"]["state"]
                                   for leader in (left_leader, right_leader)]
        kept, refused = ((left_leader, right_leader) if left_state == "up"
                         else (right_leader, left_leader))
        return {left_state, right_state} == {"up", "refused"}
    await wait_until(settled, 15, "one side's uplink is up, the other's is refused")
    row = await shop.uplink()
    async with shop.selling(shop.tills, per_second=5) as load:
        await load.wait_for(10)
    after = await shop.uplink()
    assert after["holder"] == row["holder"], f"the uplink changed hands: {row} {after}"
    assert (await refused.status())["role"] == "leader", "a refused leader stopped serving its side"
    refused_side = left if refused in left else right
    await shop.store.wait_until_equal(refused_side)
    assert (await refused.status())["pending_uploads"] >= 20
    await shop.store.wait_until_uploaded(left if kept in left else right)
    await shop.lab.heal()
    await shop.store.wait_for_members(seconds=10)
    assert await shop.leader() is kept, "the leader that holds the cloud's lease was deposed"
    await shop.agree()
    await shop.cloud_agrees()


@limit(120)
async def test_cloud_killed_in_the_middle_of_the_uploads_has_exact_sums_afterwards(shop):
    async with shop.selling(shop.tills, per_second=25) as load:
        for _ in range(2):
            row = await shop.uplink()

            async def swallowed(row=row):
                return (await shop.uplink())["entries"] > row["entries"] + 20
            await wait_until(swallowed, 15, "the cloud takes in entries")
            await shop.cloud.kill()  # batches are on their way
            await load.wait_for(5)
            await shop.cloud.start()
            await shop.wait_for_uplink()
    await shop.agree()
    await shop.cloud_agrees(seconds=30)
    assert set(await every_sale(shop)) == set(shop.book.sales)


@limit(120)
async def test_the_clouds_database_killed_and_back_loses_nothing(shop):
    async with shop.selling(shop.tills, per_second=10) as load:
        await load.wait_for(5)
        await shop.cloud.postgres.kill()
        await load.wait_for(10)
        shop.cloud.process.assert_running()
        await shop.cloud.postgres.start()
        await load.wait_for(5)
    await shop.agree()
    await shop.cloud_agrees(seconds=40)
    assert set(await every_sale(shop)) == set(shop.book.sales)


@limit(90)
async def test_the_leader_killed_in_the_middle_of_its_uploads_leaves_no_doubles(shop):
    old = await shop.leader()
    async with shop.selling(shop.without(old), per_second=25) as load:
        await load.wait_for(20)
        await old.kill()
        await load.wait_for(20)
        await shop.wait_for_uplink(of=await shop.leader(shop.without(old)))
    await old.start()
    await shop.settled()
    await shop.agree()
    await shop.cloud_agrees()
    assert set(await every_sale(shop)) == set(shop.book.sales)


async def price_on(till, sku):
    return (await till.api("GET", f"/v1/products/{sku}"))["price"]


async def wait_for_price(tills, sku, price, seconds=5):
    for till in tills:
        async def arrived(till=till):
            return await price_on(till, sku) == price
        await wait_until(arrived, seconds, f"{sku} costs {price} at {till.name}")


async def test_a_price_put_at_head_office_is_on_every_till_within_seconds(shop):
    answer = await shop.cloud.api("PUT", f"{STORE_PATH}/products", {"products": [
        {"sku": "h01", "gtins": ["5012345678900"], "description": "Head office's own", "price": "4.20",
         "currency": "GBP"}]})
    assert answer["stores"] == 1, answer
    await wait_for_price(shop.tills, "h01", "4.20")
    found = await shop.tills[3].api("GET", "/v1/products?gtin=5012345678900")
    assert [product["sku"] for product in found["products"]] == ["h01"], found
    sale = await shop.book.sell(shop.tills[1], "h01")
    assert sale["total"] == "4.20", sale
    await shop.cloud.api("PUT", "/v1/tenants/acme/products",
                         {"products": [{"sku": "h01", "price": "4.30", "currency": "GBP"}]})
    await wait_for_price(shop.tills, "h01", "4.30")


async def test_what_head_office_leaves_out_means_what_it_means_at_the_till(shop):
    await shop.cloud.api("PUT", f"{STORE_PATH}/products", {"products": [
        {"sku": "h05", "gtins": ["5012345678917"], "price": "6.00", "tax_rate_basis_points": 2000}]})
    await wait_for_price(shop.tills, "h05", "6.00")
    sale = await shop.book.sell(shop.tills[0], "h05")
    assert (sale["total"], sale["tax"]) == ("6.00", "1.00"), sale
    await shop.cloud.api("PUT", f"{STORE_PATH}/products", {"products": [{"sku": "h05", "price": "7.20"}]})
    await wait_for_price(shop.tills, "h05", "7.20")
    product = await shop.tills[2].api("GET", "/v1/products/h05")
    assert product["gtins"] == ["5012345678917"] and product["tax_rate"] == "20", product
    await refused(shop.cloud.api("PUT", f"{STORE_PATH}/products", {"products": [
        {"sku": "h06", "currency": "gbp"}, {"sku": "H" * 70}]}), 400, "products[0].currency", "products[1].sku")


@limit(90)
async def test_a_long_list_of_head_office_is_in_force_at_every_till_whole(shop):
    articles = [{"sku": f"u{number:05}", "description": f"{number * 2654435761 % 2**32:08x}", "price": "1.00"}
                for number in range(4000)]
    await shop.cloud.api("PUT", f"{STORE_PATH}/products", {"products": articles}, seconds=60)
    await wait_for_price(shop.tills, "u03999", "1.00", seconds=20)
    for till in shop.tills:
        assert await price_on(till, "u00000") == "1.00"


@limit(90)
async def test_a_price_also_reaches_a_till_that_reaches_neither_the_cloud_nor_the_leader(shop):
    leader = await shop.leader()
    far = shop.without(leader)[0]
    await shop.lab.cut([far.host], [leader.host, shop.cloud.host])
    await shop.cloud.api("PUT", f"{STORE_PATH}/products",
                         {"products": [{"sku": "h02", "price": "1.10", "currency": "GBP"}]})
    await wait_for_price([far], "h02", "1.10", seconds=8)


async def test_the_store_overrides_a_price_and_head_office_clears_it(shop):
    async def head_office(**fields):
        return await shop.cloud.api("PUT", f"{STORE_PATH}/products",
                                    {"products": [{"sku": "h03", "currency": "GBP", **fields}]})

    async def cloud_has_the_override():
        page = await shop.cloud.api("GET", f"{STORE_PATH}/products?after=h02")
        return any(row["sku"] == "h03" and row["override"] for row in page["products"])
    answer = await head_office(price="2.00")
    assert answer["warning_count"] == 0, answer
    await wait_for_price(shop.tills, "h03", "2.00")
    await shop.tills[2].import_products([{"sku": "h03", "price": "1.80"}])
    await wait_for_price(shop.tills, "h03", "1.80")
    await wait_until(cloud_has_the_override, 5, "the cloud has the store's own price of h03")
    answer = await head_office(price="2.10")
    assert answer["warning_count"] == 1 and "in 1 store," in answer["warnings"][0], answer
    await shop.store.wait_until_equal()
    await wait_for_price(shop.tills, "h03", "1.80")
    answer = await head_office(price="2.20", clears_override=True)
    assert answer["warning_count"] == 0, answer
    await wait_for_price(shop.tills, "h03", "2.20")


async def test_the_cloud_refuses_a_store_with_a_wrong_key_and_says_so_at_the_till(shop):
    other = Store(shop.lab, store="paris-1")
    till = other.add(5, cloud=shop.cloud)
    till.settings["mesh"]["mdns"] = False
    till.settings["cloud"]["access_key"] = "0123456789abcdef"
    await till.start()
    status = await till.wait_until(
        lambda status: status["uplink"]["state"] in ("refused", "failed")
        and status["uplink"]["message"], 10, "its uplink is refused with a reason")
    assert "key" in status["uplink"]["message"].lower(), status["uplink"]
    assert await shop.cloud.store("paris-1") is None, "a stranger made a store in the cloud"
    await till.sell({"sku": "a", "quantity": "1", "charged_unit_price": "1"})
    await till.stop()


@limit(90)
async def test_a_one_till_store_gets_a_new_disk_and_its_history_from_the_cloud(lab):
    shop = await Shop.open(lab, 1, cloud=True)
    (till,) = shop.tills
    await shop.sell_some([till], times=5)
    await shop.cloud_agrees()
    await till.kill()
    till.copy_data(lab.folder / "burnt")
    shutil.rmtree(till.data)
    await till.start()
    await wait_until(lambda: has_all(shop, till), 15, "the new disk has the old sales")
    await shop.sell_some([till])
    await shop.agree()
    await shop.cloud_agrees()
    assert await price_on(till, "p01") == PRICE


async def has_all(shop, till):
    return not shop.book.missing(await till.status())


def make_certificate(folder, address):
    """A self-signed certificate of a cloud at `address`: (certificate, key)."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=titan-cloud", "-addext",
                    f"subjectAltName=IP:{address},IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


@limit(90)
async def test_an_uplink_over_tls_trusts_only_the_configured_certificate(lab):
    await lab.create(2)
    cloud = Cloud(lab, 2)
    certificate, key = make_certificate(lab.folder, lab.address(2))
    cloud.settings["gateway"].update(tls_certificate=str(certificate), tls_key=str(key))
    cloud.http = lab.http(2, 8500, headers={"Authorization": f"Bearer {cloud.admin_key}"},
                          tls=ssl.create_default_context(cafile=str(certificate)))
    await cloud.start()
    shop = Shop(lab, cloud)
    till = shop.store.add(1, cloud=cloud)
    till.settings["mesh"]["mdns"] = False
    till.settings["cloud"]["url"] = f"wss://{lab.address(2)}:8500/v1/uplink"
    await till.start()
    status = await till.wait_until(lambda status: status["uplink"]["state"] == "failed"
                                   and status["uplink"]["message"], 10, "does not trust the cloud")
    assert "certificate" in status["uplink"]["message"].lower(), status["uplink"]
    assert await shop.uplink() is None
    await till.stop()
    till.settings["cloud"]["ca_file"] = str(certificate)
    await till.start()
    shop.book.note(await till.sell({"sku": "a", "quantity": "1", "charged_unit_price": "1.00"}))
    await shop.wait_for_uplink(of=till)
    await shop.cloud_agrees()
