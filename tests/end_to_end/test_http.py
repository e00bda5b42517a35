"""What browsers, health checks and readers of long lists get from the real daemon."""

from urllib.parse import quote

from qa.harness.runner import shared
from shop import Shop, refused

PAGE = "http://localhost:5173"


@shared()
async def shop(lab):
    yield await Shop.open(lab, 1)


async def test_a_search_read_by_pages_tells_all_while_lists_rename_what_was_read(shop):
    till = shop.tills[0]

    async def name(numbers, words):
        rows = "".join(f"V{number:04},{words} {number},2.00\n" for number in numbers)
        await till.api("PUT", "/v1/products", body="sku,description,price\n" + rows,
                       headers={"Content-Type": "text/csv"})
    for total in (90, 1300):  # ranked, and too many to rank
        await name(range(total), "Vase")
        seen, after, pages = [], "", 0
        while True:
            page = await till.api("GET", f"/v1/products?q=vase&limit=40{after}")
            assert len(page["products"]) <= 40
            seen += [product["sku"] for product in page["products"]]
            pages += 1
            await name([number for number in range(60) if number % 2], "Jug" if pages % 2 else "Vase")
            if not page["next"]:
                break
            after = "&after=" + quote(page["next"])
        steady = {f"V{number:04}" for number in range(total) if number >= 60 or number % 2 == 0}
        assert not steady - set(seen), "matched all the time and is on no page"
        assert len(seen) == len(set(seen)), "is on two pages"
    await refused(till.api("GET", "/v1/products?q=vase&after=100"), 400, field="after")


async def test_a_product_is_found_by_its_whole_name(shop):
    till = shop.tills[0]
    names = ["Becher • blau", "Seife – Lavendel", "Lakritz € 3 Tüte", "70% Kakao", "C++ für Kinder", "¾ l Krug",
             "Eis 🍦 & Kuchen", "★★★"]
    await till.import_products([{"sku": f"name-{place}", "description": name, "price": "1.00"}
                                for place, name in enumerate(names)])
    for place, name in enumerate(names):
        found = (await till.api("GET", f"/v1/products?q={quote(name)}"))["products"]
        assert found and found[0]["sku"] == f"name-{place}", (name, found)
    assert (await till.api("GET", f"/v1/products?q={quote('•')}"))["products"] == []


async def test_a_page_of_this_machine_may_sell_and_others_may_not(shop):
    http = shop.tills[0].http
    asked = await http.raw(b"OPTIONS /v1/sales HTTP/1.1\r\nHost: localhost\r\nOrigin: " + PAGE.encode() +
                           b"\r\nAccess-Control-Request-Method: POST\r\nConnection: close\r\n\r\n")
    assert asked.startswith(b"HTTP/1.1 204 "), asked
    assert b"\r\nAccess-Control-Allow-Origin: " + PAGE.encode() in asked, asked
    for origin in (b"https://shop.example", b"null"):
        answer = await http.raw(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin +
                                b"\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 403 ") and b"Access-Control" not in answer, answer


async def test_head_and_the_absolute_form_keep_the_connection_in_step(shop):
    http = shop.tills[0].http
    answers = await http.raw(b"HEAD /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                             b"GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                             b"Connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 200 ") == 2 and answers.count(b"{") == 1, answers
