"""The demo's importer: what each oddity of the data becomes, and that the sums agree."""

import collections
import decimal
import pathlib

from qa.demo import expectation, generated_day, importer, retail_csv

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
REAL_DAY = pathlib.Path(__file__).resolve().parents[2].parent / "shared/data/online-retail-day.csv"


def read(*lines):
    text = HEADER + "".join(line + "\n" for line in lines)
    return retail_csv.read_bytes(text.encode(), "test.csv").rows


def line(invoice="1", code="85123A", description="LANTERN", quantity=1, time="2011-10-06 08:17:00",
         price="2.55", customer="17850.0"):
    return f'{invoice},{code},"{description}",{quantity},{time},{price},{customer},United Kingdom'


def documents(*lines):
    return importer.import_day(read(*lines)).documents


def refused(text):
    try:
        retail_csv.read_bytes(text if isinstance(text, bytes) else text.encode(), "test.csv")
    except retail_csv.InputError as error:
        return str(error)
    raise AssertionError("the file was accepted")


def effects(made):
    """What documents do to the stock, from their bodies alone."""
    stock = collections.Counter()
    for document in made:
        sign = {"sale": -1, "refund": 1, "adjustment": 1, "delivery": 1}[document.kind]
        for row in document.body["lines"]:
            stock[row["sku"]] += sign * int(row["quantity"])
    return stock


async def test_a_plain_invoice_is_one_sale_with_all_its_lines():
    (sale,) = documents(line(quantity=2), line(code="71053", price="3.39"))
    assert (sale.kind, sale.path, sale.key) == ("sale", "/v1/sales", "sale-1"), sale
    assert sale.body["total"] == "8.49", sale.body
    assert [row["sku"] for row in sale.body["lines"]] == ["85123A", "71053"], sale.body
    assert sale.body["business_date"] == "2011-10-06", sale.body


async def test_a_customer_number_does_not_reach_a_till():
    (sale,) = documents(line(customer="17850.0"))
    assert "17850" not in str(sale.body), sale.body
    (other,) = documents(line(customer="17851.0"))
    assert sale.body["customer_token"] != other.body["customer_token"]


async def test_a_cancellation_is_a_refund_with_a_reason():
    (refund,) = documents(line(invoice="C7", quantity=-3))
    assert (refund.kind, refund.body["lines"][0]["quantity"]) == ("refund", "3"), refund
    assert refund.body["total"] == "7.65" and "C7" in refund.body["reason"], refund.body
    assert "original" not in refund.body, refund.body


async def test_a_write_off_is_an_adjustment_and_its_remark_no_description():
    day = importer.import_day(read(line(price="0.0", quantity=-26, customer="",
                                        description="thrown away")))
    (adjustment,) = day.documents
    assert adjustment.kind == "adjustment", adjustment
    assert adjustment.body["reason"] == "thrown away", adjustment
    assert adjustment.body["lines"] == [{"sku": "85123A", "quantity": "-26"}], adjustment
    assert day.products[0]["description"] == "85123A", day.products


async def test_found_goods_are_an_adjustment_and_a_present_is_a_sale():
    (found,) = documents(line(price="0.0", quantity=800, customer="", description="wrongly coded"))
    assert found.kind == "adjustment" and found.body["lines"][0]["quantity"] == "800", found
    (present,) = documents(line(price="0.0", quantity=2, customer="15804.0"))
    assert present.kind == "sale" and present.body["total"] == "0.00", present


async def test_a_write_off_on_a_sale_is_booked_apart():
    sale, adjustment = documents(line(), line(code="71053", price="0.0", quantity=-4))
    assert (sale.kind, adjustment.kind) == ("sale", "adjustment")
    assert effects([sale, adjustment]) == {"85123A": -1, "71053": -4}


async def test_bad_debt_goes_on_account_with_its_sign():
    plus, minus = documents(line(invoice="A1", code="B", price="11062.06", customer=""),
                            line(invoice="A2", code="B", price="-11062.06", customer=""))
    assert plus.body["payments"] == [{"method": "account", "amount": "11062.06", "reference": "A1"}]
    assert minus.body["payments"][0]["amount"] == "-11062.06" and minus.body["total"] == "-11062.06"


async def test_repeated_lines_all_count():
    (sale,) = documents(line(), line(), line())
    assert effects([sale]) == {"85123A": -3} and sale.body["total"] == "7.65"


async def test_codes_that_differ_in_case_stay_two_products():
    day = importer.import_day(read(line(code="85123A"), line(code="85123a")))
    assert [product["sku"] for product in day.products] == ["85123A", "85123a"]
    assert day.oddities["codes that differ only in letter case, kept apart"] == 1


async def test_an_invoice_in_two_runs_and_minutes_is_one_receipt():
    first, other = documents(line(), line(invoice="2"),
                             line(time="2011-10-06 08:18:00", quantity=5))
    assert effects([first]) == {"85123A": -6} and other.key == "sale-2"


async def test_a_price_below_a_penny_is_rounded_once_per_line():
    (sale,) = documents(line(price="0.001", quantity=5), line(price="0.001", quantity=4))
    assert sale.body["total"] == "0.01", sale.body
    assert sale.body["lines"][0]["charged_unit_price"] == "0.001", sale.body


async def test_descriptions_are_trimmed_and_the_commonest_wins():
    day = importer.import_day(read(line(description="  BIG   £ LANTERN "),
                                   line(description="LAMP"), line(description="LAMP"),
                                   line(description="")))
    assert day.products[0]["description"] == "LAMP"
    assert day.documents[0].body["lines"][0]["description"] == "BIG £ LANTERN"
    assert "description" not in day.documents[0].body["lines"][3]


async def test_a_receipt_beyond_the_tills_limit_is_split():
    made = documents(*[line() for _ in range(importer.LINES_PER_DOCUMENT_MAX + 1)])
    assert [document.key for document in made] == ["sale-1-part-1", "sale-1-part-2"]
    assert effects(made) == {"85123A": -importer.LINES_PER_DOCUMENT_MAX - 1}


async def test_bad_files_are_refused_with_the_place():
    assert "no column UnitPrice" in refused(HEADER.replace("UnitPrice", "Price") + line() + "\n")
    words = refused(HEADER + line() + "\n" + line(quantity="two") + "\n")
    assert "line 3, Quantity: 'two'" in words, words
    assert "line 2, InvoiceDate" in refused(HEADER + line(time="yesterday") + "\n")
    assert "line 2, UnitPrice" in refused(HEADER + line(price="nan") + "\n")
    assert "line 2, StockCode" in refused(HEADER + line(code="") + "\n")
    assert "line 2 has 3 fields" in refused(HEADER + "1,2,3\n")
    assert "not valid CSV" in refused(HEADER + '1,"2\n')
    assert "is empty" in refused("") and "no sales" in refused(HEADER)
    assert "not a text file" in refused(b"\0\0")


async def test_windows_text_is_read_and_noted():
    sales = retail_csv.read_bytes((HEADER + line(description="£20")).encode("cp1252"), "test.csv")
    assert sales.rows[0].description == "£20" and "Windows-1252" in sales.notes[0]


async def test_the_busiest_day_of_several_is_found_and_cut_out():
    sales = retail_csv.SalesFile("year", read(line(), line("2", time="2011-10-07 09:00:00"),
                                              line("3", time="2011-10-07 09:00:00")), [])
    day = sales.busiest_day()
    assert day.isoformat() == "2011-10-07" and len(sales.only(day).rows) == 2


async def test_the_generated_day_is_the_same_for_a_seed_and_has_every_oddity():
    text = generated_day.generate_csv(7)
    assert text == generated_day.generate_csv(7) and text != generated_day.generate_csv(8)
    sales = generated_day.generate(7)
    day = importer.import_day(sales.rows)
    for word in ("refunds", "adjustments", "on account", "booked apart", "several times",
                 "several prices", "letter case", "repeated", "below 0", "below a penny",
                 "not ASCII", "unusual form", "without a description"):
        assert any(word in words for words in day.oddities), (word, day.oddities)
    assert 180 <= len(day.documents) <= 260, len(day.documents)
    assert len(sales.rows) > 1500, len(sales.rows)


def assert_sums_agree(rows):
    """The documents' effects and totals against the sums made from the rows alone."""
    made = importer.import_day(rows).documents
    wanted = expectation.expect(rows)
    assert dict(effects(made)) == wanted.stock
    totals = collections.Counter()
    for document in made:
        totals[document.kind] += decimal.Decimal(document.body.get("total", "0"))
    assert totals["sale"] == wanted.sales_total and totals["refund"] == wanted.refunds_total, totals
    assert len({document.key for document in made}) == len(made)


async def test_documents_and_independent_sums_agree_on_generated_days():
    for seed in range(5):
        assert_sums_agree(generated_day.generate(seed).rows)


async def test_documents_and_independent_sums_agree_on_the_real_day():
    if not REAL_DAY.exists():
        return assert_sums_agree(generated_day.generate(99).rows)
    assert_sums_agree(retail_csv.read_file(REAL_DAY).rows)


async def test_a_wrong_document_would_be_noticed():
    rows = generated_day.generate(3).rows
    assert expectation.expect(rows[:-1]).stock != expectation.expect(rows).stock
    without, delivered = expectation.expect(rows), expectation.expect(rows, {"20000A": 6})
    assert delivered.stock["20000A"] == without.stock["20000A"] + 6
