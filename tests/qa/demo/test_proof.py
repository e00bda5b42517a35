"""The demo's arithmetic: it must see every kind of fault, or its verdict is worth nothing."""

import base64
import collections
import datetime
import decimal
import hashlib
import io

from entry_bytes import entry_bytes

from qa.demo import day, expectation, journals, proof, report, screen, selling, story

Sold = collections.namedtuple("Sold", "document id receipt")
Document = collections.namedtuple("Document", "key kind time body")


def journal_rows(journal, count, terminal="till-1"):
    rows, previous = [], ""
    for number in range(1, count + 1):
        data = entry_bytes(journal, number, previous, f"sale-{number}", [("A", 0, 2_000_000)],
                           (terminal, number))
        previous = hashlib.blake2b(data, digest_size=32).hexdigest()
        rows.append({"number": number, "hash": previous,
                     "bytes_base64": base64.b64encode(data).decode()})
    return rows


def fault_of(journal, rows):
    try:
        journals.check_chain(journal, rows)
    except journals.ChainFault as fault:
        return str(fault)
    raise AssertionError("the chain was found sound")


JOURNAL = "ab" * 16


async def test_a_sound_chain_is_read():
    entries = journals.check_chain(JOURNAL, journal_rows(JOURNAL, 3))
    assert [entry.receipt for entry in entries] == [("till-1", 1), ("till-1", 2), ("till-1", 3)]
    assert journals.stock_of({JOURNAL: entries}) == {"A": -6} and entries[1].key == "sale-2"
    assert journals.receipt_faults({JOURNAL: entries}) == []


async def test_every_fault_of_a_chain_is_seen():
    rows = journal_rows(JOURNAL, 3)
    assert "number 2 was to come" in fault_of(JOURNAL, [rows[0], rows[2]])
    assert "number 1 was to come" in fault_of(JOURNAL, rows[1:])
    other = journal_rows("cd" * 16, 3)
    assert "belong to journal cdcdcdcd" in fault_of(JOURNAL, other)
    assert "the hash of its bytes" in fault_of(JOURNAL, [rows[0], {**rows[1], "hash": "00" * 32}])
    forged = entry_bytes(JOURNAL, 2, "00" * 32)
    row = {"number": 2, "hash": hashlib.blake2b(forged, digest_size=32).hexdigest(),
           "bytes_base64": base64.b64encode(forged).decode()}
    assert "chained to 00000000" in fault_of(JOURNAL, [rows[0], row])
    cut = base64.b64encode(base64.b64decode(rows[1]["bytes_base64"])[:-9]).decode()
    assert "cannot be read" in fault_of(JOURNAL, [rows[0], {**rows[1], "bytes_base64": cut}])


async def test_gaps_and_repeats_of_receipts_are_seen():
    def entry(number, receipt, journal=JOURNAL):
        return journals.Entry(journal, number, "", 1, "", (), ("till-1", receipt))
    assert "3 follows 1" in journals.receipt_faults({JOURNAL: [entry(1, 1), entry(2, 3)]})[0]
    twice = {JOURNAL: [entry(1, 1)], "cd" * 16: [entry(1, 1, "cd" * 16)]}
    assert "receipt 1 is in series" in journals.receipt_faults(twice)[0]
    gap_between = {JOURNAL: [entry(1, 1)], "cd" * 16: [entry(1, 3, "cd" * 16)]}
    assert "do not have the numbers 1 to 2" in journals.receipt_faults(gap_between)[0]


async def test_a_piece_too_many_anywhere_is_seen():
    right = {"A": 1, "B": -2}
    good = proof.check_stock(right, {"till-1": dict(right), "cloud": dict(right)})
    assert good.holds and "till-1, cloud" in good.detail, good
    bad = proof.check_stock(right, {"till-1": dict(right), "cloud": {"A": 1}})
    assert not bad.holds and "cloud: B: 0 instead of -2" in bad.detail, bad
    unknown = proof.check_stock({"A": 1}, {"till-1": {"A": 1, "Z": 4}})
    assert not unknown.holds and "Z: 4 instead of 0" in unknown.detail, unknown


async def test_a_lost_doubled_or_moved_document_is_seen():
    entries = {JOURNAL: journals.check_chain(JOURNAL, journal_rows(JOURNAL, 2))}
    answered = [("sale-1", f"{JOURNAL}:1"), ("sale-2", f"{JOURNAL}:2")]
    keys = ["sale-1", "sale-2"]
    assert proof.check_documents(answered, keys, {"till-1": entries}).holds
    lost = proof.check_documents([*answered, ("sale-3", "x:1")], [*keys, "sale-3"],
                                 {"till-1": entries})
    assert not lost.holds and "till-1 lacks sale-3" in lost.detail, lost
    never = proof.check_documents(answered, [*keys, "sale-3"], {"till-1": entries})
    assert "never answered: sale-3" in never.detail, never
    other = "cd" * 16
    doubled = {**entries, other: journals.check_chain(other, journal_rows(other, 1))}
    twice = proof.check_documents(answered, keys, {"till-1": doubled})
    assert not twice.holds and "has twice sale-1" in twice.detail, twice
    moved = proof.check_documents([("sale-1", "x:9"), answered[1]], keys, {"till-1": entries})
    assert not moved.holds and "has elsewhere sale-1" in moved.detail, moved


async def test_a_receipt_missing_doubled_or_foreign_in_a_list_is_seen():
    sold = [Sold(Document("sale-1", "sale", None, {}), "j:1", "till-1 000001-AAAA"),
            Sold(Document("delivery-1", "adjustment", None, {}), "j:2", "")]
    row = ("j:1", "till-1 000001-AAAA")
    assert proof.check_listed("the cloud", sold, [row]).holds
    assert "j:1 is missing" in proof.check_listed("the cloud", sold, []).detail
    assert "there 2 times" in proof.check_listed("the cloud", sold, [row, row]).detail
    assert "j:9 was never sold" in proof.check_listed("the cloud", sold, [row, ("j:9", "")]).detail
    assert "the till printed" in proof.check_listed("the cloud", sold, [("j:1", "other")]).detail


async def test_a_penny_missing_is_seen():
    expected = expectation.Expectation({}, decimal.Decimal("10.00"), decimal.Decimal("2.00"), 0, 0)
    good = {"sale": decimal.Decimal("10.00"), "refund": decimal.Decimal("2.00")}
    assert proof.check_money(expected, {"cloud": good}).holds
    bad = proof.check_money(expected, {"cloud": {**good, "sale": decimal.Decimal("9.99")}})
    assert not bad.holds and "9.99, not 10.00" in bad.detail, bad


async def test_the_verdict_needs_every_check():
    good, bad = proof.Check("stock", True, ""), proof.Check("money", False, "")
    assert report.holds([good]) and not report.holds([good, bad]) and not report.holds([])
    words = report.verdict_text([good, bad], 60)
    assert "NOT PROVED" in words and "money" in words, words


async def test_percentiles_are_of_the_nearest_rank():
    values = list(range(1, 101))
    assert (story.percentile(values, 0.5), story.percentile(values, 0.99)) == (50, 99)
    assert story.percentile([7], 0.99) == 7 and story.percentile([], 0.5) is None


async def test_every_part_of_the_day_gets_its_documents_once():
    documents = list(range(218))
    parts = day.divide(documents)
    assert [one for part in parts.values() for one in part] == documents
    assert all(len(part) > 10 for part in parts.values()), parts


async def test_rush_hours_are_denser_but_nothing_is_empty():
    morning = datetime.datetime(2011, 10, 6, 8)
    documents = [Document(str(index), "sale", morning + datetime.timedelta(hours=hours), {})
                 for index, hours in enumerate((0, 6, 6, 6, 6, 12))]
    offsets = [offset for offset, _ in selling.pace(documents, 12)]
    assert offsets == sorted(offsets) and offsets[0] == 0 and offsets[-1] <= 12
    assert offsets[2] - offsets[1] == 1 and offsets[1] == 4, offsets


async def test_the_table_keeps_its_columns_with_any_text():
    assert screen.fit("£20 voucher", 6) == "£20 v…" and screen.fit("日本", 5) == "日本 "
    assert screen.fit("7", 3, "right") == "  7"
    out = io.StringIO()
    told = story.Story(lambda: 0.0)
    screen.Screen(told, headless=True, out=out)
    told.tell("the LAN is cut", "bad")
    assert out.getvalue() == "   0.0 s  the LAN is cut\n", out.getvalue()
