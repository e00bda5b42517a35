"""Which files of the former version are taken: with faults, torn, foreign, open in a program."""

import asyncio
import decimal
import pathlib
import sqlite3

from qa.harness.runner import limit, shared
import former_till
from moving import MANY_SALES, MovingShop, check_totals


@shared(60)
async def shop(lab):
    yield await MovingShop.open(lab, 2)


async def test_each_fault_is_told_with_its_row_and_nothing_is_moved_in(shop):
    till = shop.tills[1]
    before = await shop.store.wait_until_equal()
    path = shop.file("faulty.db")
    for kind in former_till.FAULTS:
        former_till.write(path, seed=7, terminal="old-7", sales=8, pending=2)
        table, row, column, word = former_till.spoil(path, kind)
        answer = await shop.move_in(till, path, "--dry-run")
        told = [(fault["table"], fault["row"], fault["column"]) for fault in answer["faults"]]
        assert (table, row, column) in told, f"{kind}: {answer['faults']}"
        message = next(fault["message"] for fault in answer["faults"]
                       if (fault["table"], fault["row"], fault["column"]) == (table, row, column))
        assert word.lower() in message.lower(), f"{kind}: {message}"
        printed = await shop.move_in(till, path, code=1)
        assert "--leave-out-faults" in printed, printed
    after = await shop.store.wait_until_equal()
    assert after["vector"]["root"] == before["vector"]["root"], "a faulty file was moved in"
    report = shop.file("faults.txt")
    await shop.move_in(till, path, "--dry-run", "--report", report)
    assert report.read_text().count("\n") >= 1


async def test_another_sale_under_the_terminal_and_id_of_one_that_is_here_is_told(shop):
    till = shop.tills[1]
    one = former_till.write(shop.file("image-1.db"), seed=31, terminal="image", sales=8, pending=2, prefix="img")
    two = former_till.write(shop.file("image-2.db"), seed=32, terminal="image", sales=9, pending=2, prefix="img")
    await shop.move_in(till, one.path)
    before = await shop.store.wait_until_equal()
    answer = await shop.move_in(till, two.path, "--dry-run")
    told = [fault for fault in answer["faults"] if "under this id" in fault["message"]]
    assert [fault["row"] for fault in told] == [str(n) for n in range(1, 9)], answer["faults"]
    assert one.completed[0][1] in " ".join(fault["message"] for fault in told), told
    printed = await shop.type(till, "import-v01", two.path, code=1)
    assert "--leave-out-faults" in printed and "terminal_id" in printed, printed
    after = await shop.store.wait_until_equal()
    assert after["vector"]["root"] == before["vector"]["root"], "a file with another's sales was moved in"
    answer = await shop.move_in(till, two.path, "--leave-out-faults")
    assert (answer["sales"]["count"], answer["sales"]["left_out"]) == (1, 8), answer["sales"]
    assert answer["sales"]["known_total"] == "0.00", answer["sales"]


async def test_torn_and_foreign_files_are_refused(shop):
    till = shop.tills[1]
    whole = shop.file("whole.db")
    former_till.write(whole, seed=8, terminal="old-8")
    pages = whole.stat().st_size // former_till.page_size(whole)
    torn = shop.file("torn.db")
    for page in range(pages):
        former_till.tear(whole, torn, page)
        printed = await shop.move_in(till, torn, "--dry-run", code=1)
        assert any(word in printed for word in ("damaged", "no SQLite", "cut off", "another program")), (page, printed)
        if page:
            former_till.tear(whole, torn, page, cut=True)
            assert "cut off" in await shop.move_in(till, torn, "--dry-run", code=1)
    torn.write_bytes(b"")
    assert "is empty" in await shop.move_in(till, torn, code=1)
    torn.write_bytes(b"sku;price\n1;2\n")
    assert "no SQLite" in await shop.move_in(till, torn, code=1)
    torn.unlink()
    with sqlite3.connect(torn) as database:
        database.execute("CREATE TABLE moz_places (id INTEGER)")
    database.close()
    assert "another program" in await shop.move_in(till, torn, code=1)
    assert "journal of a till" in await shop.move_in(till, shop.own_journal(till), code=1)
    other = shop.file("paris.db")
    former_till.write(other, seed=8, terminal="old-8", store="paris-1")
    printed = await shop.move_in(till, other, code=1)
    assert "paris-1" in printed and "london-1" in printed, printed


async def test_a_file_of_v02_with_its_log_beside_it_and_one_that_is_open(shop):
    till = shop.tills[1]
    path = shop.file("v02.db")
    book = former_till.write(path, seed=9, terminal="old-9", store="london-1", deltas=True, stock_off=4, wal=True,
                             prefix="v02")
    assert pathlib.Path(f"{path}-wal").stat().st_size > 0, "no log beside the file"
    ends = {end: pathlib.Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
    answer = await shop.move_in(till, path, "--dry-run")
    check_totals(answer, book)
    assert any("v02-003" in note and "39" in note and "43" in note for note in answer["notes"]), answer["notes"]
    for end, content in ends.items():
        assert pathlib.Path(f"{path}{end}").read_bytes() == content, f"the file{end} was changed"
    assert not pathlib.Path(f"{path}-shm").exists()
    check_totals(await shop.move_in(till, path), book)
    held = {sku: decimal.Decimal(text) for sku, text in (await till.stock()).items() if sku in book.stock}
    assert held == book.stock, held
    # A checkpoint is no other file: what is moved in is known by what it holds.
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    database.close()
    assert not pathlib.Path(f"{path}-wal").exists()
    answer = await shop.move_in(till, path)
    assert (answer["sales"]["known"], answer["opening_stocks"]["known"]) == (book.sales, len(book.stock)), answer
    await shop.type(till, "import-v01", path, "--undo")
    path = shop.file("open.db")
    book, held = former_till.write(path, seed=10, terminal="old-10", wal=True, keep_open=True)
    try:
        printed = await shop.type(till, "import-v01", path, "--dry-run")
        assert "is open in a program" in printed, printed
        printed = await shop.type(till, "import-v01", path, code=1)
        assert "Stop the old till program" in printed, printed
    finally:
        held.close()


@limit(120)
async def test_an_idle_program_cannot_sell_into_its_file_while_it_moves_in(shop):
    till = shop.tills[1]
    path = shop.file("idle.db")
    book = former_till.write(path, seed=11, terminal="old-11", sales=MANY_SALES, prefix="idle")
    newer = shop.file("newer.db")
    newer.write_bytes(path.read_bytes())
    idle = sqlite3.connect(path, timeout=0)
    before = (await till.status())["vector"]["entries"]
    command = asyncio.create_task(till.command_line("import-v01", path, seconds=60))
    await till.wait_until(lambda status: status["vector"]["entries"] > before + 20, 20, "some sales were moved in")
    try:
        idle.execute("UPDATE sales SET cashier = 'late'")
        idle.commit()
        raise AssertionError("the old program wrote into a file that is just being moved in")
    except sqlite3.OperationalError as error:
        assert "locked" in str(error), error
    finally:
        idle.close()
    newer.replace(path)
    code, output, errors = await command
    assert code == 1 and "was written while it was read" in errors, (code, output, errors)
    answer = await shop.move_in(till, path)
    check_totals(answer, book)
    assert answer["sales"]["known"] == book.sales, answer["sales"]
