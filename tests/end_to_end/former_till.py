"""Makes the SQLite file of a till of v0.1 or v0.2 from a seed, and says what is in it (docs/V01.md).

    book = write(path, seed=1, terminal="old-1")           # v0.1
    book = write(path, seed=1, terminal="old-1", store="london-1", deltas=True)  # v0.2

`FAULTS` are single rows that do not fit, one of each kind; `tear()` damages a file.
"""

import collections
import dataclasses
import datetime
import decimal
import pathlib
import random
import sqlite3

TABLES = {
    "config": "key TEXT PRIMARY KEY, value TEXT",
    "products": "id INTEGER PRIMARY KEY, sku TEXT, barcode TEXT, name TEXT, price_cents INTEGER, tax_rate REAL, "
                "tax_included INTEGER, stock REAL, active INTEGER, updated_at TEXT",
    "sales": "id INTEGER PRIMARY KEY, receipt_no TEXT, terminal_id TEXT, cashier TEXT, total_cents INTEGER, "
             "tax_cents INTEGER, currency TEXT, status TEXT, created_at TEXT",
    "sale_items": "id INTEGER PRIMARY KEY, sale_id INTEGER, product_id INTEGER, sku TEXT, name TEXT, quantity REAL, "
                  "unit_price_cents INTEGER, tax_rate REAL, total_cents INTEGER",
    "payments": "id INTEGER PRIMARY KEY, sale_id INTEGER, method TEXT, amount_cents INTEGER, change_cents INTEGER, "
                "created_at TEXT",
    "sync_outbox": "id INTEGER PRIMARY KEY, entity_type TEXT, entity_id TEXT, payload TEXT, created_at TEXT, "
                   "sent_at TEXT",
}
TABLES_OF_V02 = {
    "inventory_deltas": "id INTEGER PRIMARY KEY, product_id INTEGER, terminal_id TEXT, delta REAL, reason TEXT, "
                        "reference TEXT, created_at TEXT",
    "sync_cursors": "terminal_id TEXT PRIMARY KEY, last_id INTEGER, updated_at TEXT",
}
FIRST_DAY = datetime.datetime(2025, 1, 6, 9, 0)
VAT = decimal.Decimal(20)


@dataclasses.dataclass
class Book:
    """What the file holds, added up apart from the code that reads it. Money in pence."""
    path: pathlib.Path
    terminal: str
    products: int = 0
    stock: dict = dataclasses.field(default_factory=dict)  # sku -> pieces
    sales: int = 0
    days: dict = dataclasses.field(default_factory=lambda: collections.defaultdict(lambda: [0, 0]))
    methods: dict = dataclasses.field(default_factory=collections.Counter)
    pending: list = dataclasses.field(default_factory=list)  # ids that count for head office now
    pending_total: int = 0
    voided: int = 0
    refunded: int = 0
    completed: list = dataclasses.field(default_factory=list)  # (id, receipt, total)

    @property
    def total(self):
        return sum(total for _, total in self.days.values())


def text_of(moment, blank=False):
    """v0.1 wrote times in two forms."""
    return moment.strftime("%Y-%m-%d %H:%M:%S" if blank else "%Y-%m-%dT%H:%M:%SZ")


def connect(path, store=None, wal=False, tables_of_v02=False):
    pathlib.Path(path).unlink(missing_ok=True)
    database = sqlite3.connect(path)
    if wal:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_autocheckpoint = 0")
    for name, columns in {**TABLES, **(TABLES_OF_V02 if tables_of_v02 else {})}.items():
        if store is not None:
            head, *rest = columns.split(", ")
            columns = ", ".join([head, *rest, "store_id TEXT"])
        database.execute(f"CREATE TABLE {name} ({columns})")
    return database


def insert(database, table, store, **values):
    if store is not None:
        values["store_id"] = store
    names = ", ".join(values)
    database.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})",
                     list(values.values()))


def write(path, seed, terminal, store=None, deltas=False, products=12, sales=30, pending=6, stock_off=0,
          wal=False, keep_open=False, prefix="old"):
    """`stock_off`: this till's figure of each stock is that much less. With `keep_open` the connection, too."""
    chance = random.Random(seed)
    book = Book(pathlib.Path(path), terminal)
    database = connect(path, store, wal, deltas)
    for key, value in {"terminal_id": terminal, "terminal_name": terminal.title(), "currency": "GBP",
                       "schema_version": "2" if store else "1"}.items():
        insert(database, "config", store, key=key, value=value)
    if store is not None:
        insert(database, "config", store, key="store_id", value=store)
    shelf = []
    for number in range(1, products + 1):
        sku, price = f"{prefix}-{number:03}", 100 + 25 * number
        shelf.append((number, sku, f"Old thing {number}", price))
        pieces = 40 + number
        book.stock[sku] = pieces
        insert(database, "products", store, id=number, sku=sku, barcode=f"20000{number:07}" if number % 3 else None,
               name=f"Old thing {number}", price_cents=price, tax_rate=20, tax_included=1,
               stock=pieces - stock_off, active=0 if number == products else 1, updated_at=text_of(FIRST_DAY))
        if deltas:
            for part, reason in ((pieces + 10, "DELIVERY"), (-10, "SALE")):
                insert(database, "inventory_deltas", store, product_id=number, terminal_id=terminal, delta=part,
                       reason=reason, reference="", created_at=text_of(FIRST_DAY))
        else:
            book.stock[sku] = pieces - stock_off
    book.products = products
    if deltas:
        insert(database, "sync_cursors", store, terminal_id=terminal, last_id=2 * products,
               updated_at=text_of(FIRST_DAY))
    for number in range(1, sales + 1):
        _write_sale(database, store, book, chance, shelf, number, is_pending=number > sales - pending)
    database.commit()
    if keep_open:
        return book, database
    if wal:  # as a till that lost its power leaves it: the log is still beside the file
        copies = {end: pathlib.Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
        database.close()
        for end, content in copies.items():
            pathlib.Path(f"{path}{end}").write_bytes(content)
        pathlib.Path(f"{path}-shm").unlink(missing_ok=True)
    database.close()
    return book


def _write_sale(database, store, book, chance, shelf, number, is_pending):
    sold = FIRST_DAY + datetime.timedelta(days=number % 4, minutes=7 * number)
    status = "voided" if number % 11 == 5 else "refunded" if number % 13 == 7 else "completed"
    total, items = 0, chance.randint(1, 4)
    for _ in range(items):
        product, sku, name, price = chance.choice(shelf)
        quantity = chance.randint(1, 5)
        total += price * quantity
        insert(database, "sale_items", store, sale_id=number, product_id=product, sku=sku, name=name,
               quantity=quantity, unit_price_cents=price, tax_rate=20, total_cents=price * quantity)
    tax = int((total * VAT / (100 + VAT)).quantize(decimal.Decimal(1), rounding=decimal.ROUND_HALF_UP))
    receipt = f"{book.terminal.upper()}-{number:06}"
    insert(database, "sales", store, id=number, receipt_no=receipt, terminal_id=book.terminal,
           cashier=f"c{number % 3}", total_cents=total, tax_cents=tax, currency="GBP", status=status,
           created_at=text_of(sold, blank=number % 2 == 0))
    by_card = total // 2 if number % 4 == 0 else 0
    for method, amount, change in (("card", by_card, 0), ("cash", total - by_card + 50, 50)):
        if amount:
            insert(database, "payments", store, sale_id=number, method=method, amount_cents=amount,
                   change_cents=change, created_at=text_of(sold))
            if status == "completed":
                book.methods[method] += amount - change
    insert(database, "sync_outbox", store, entity_type="sale", entity_id=str(number), payload="{}",
           created_at=text_of(sold), sent_at=None if is_pending else text_of(sold))
    book.sales += 1
    book.voided += status == "voided"
    book.refunded += status == "refunded"
    if status == "completed":
        day = book.days[sold.strftime("%Y-%m-%d")]
        day[0] += 1
        day[1] += total
        book.completed.append((number, receipt, total))
        if is_pending:
            book.pending.append(number)
            book.pending_total += total


# Kind of fault: (SQL that makes it, table told, row told, column told, a word of the message).
FAULTS = {
    "a product without sku": ("UPDATE products SET sku = '' WHERE id = 2", "products", "2", "sku", ""),
    "a sku twice": ("UPDATE products SET sku = 'old-001' WHERE id = 2", "products", "2", "sku", "twice"),
    "a price that is no number": ("UPDATE products SET price_cents = 'dear' WHERE id = 2", "products", "2",
                                  "price_cents", "whole number"),
    "a price below zero": ("UPDATE products SET price_cents = -5 WHERE id = 2", "products", "2", "price_cents",
                           "below zero"),
    "a stock that is no number": ("UPDATE products SET stock = 'many' WHERE id = 2", "products", "2", "stock", ""),
    "a tax rate beyond all": ("UPDATE products SET tax_rate = 5000 WHERE id = 2", "products", "2", "tax_rate", ""),
    "a flag that is none": ("UPDATE products SET active = 'yes' WHERE id = 2", "products", "2", "active", "0 or 1"),
    "a name with a line break": ("UPDATE products SET name = 'a' || char(10) WHERE id = 2", "products", "2", "name",
                                 ""),
    "items that do not add up": ("UPDATE sales SET total_cents = total_cents + 1 WHERE id = 3", "sales", "3",
                                 "total_cents", "add up"),
    "payments that do not add up": ("UPDATE payments SET amount_cents = amount_cents + 1 WHERE sale_id = 3", "sales",
                                    "3", "total_cents", "payments"),
    "a sale without items": ("DELETE FROM sale_items WHERE sale_id = 3", "sales", "3", "total_cents", "line"),
    "a time that is none": ("UPDATE sales SET created_at = 'yesterday' WHERE id = 3", "sales", "3", "created_at",
                            "UTC"),
    "a sale of the future": ("UPDATE sales SET created_at = '2098-01-01T00:00:00Z' WHERE id = 3", "sales", "3",
                             "created_at", "future"),
    "a status nobody knows": ("UPDATE sales SET status = 'lost' WHERE id = 3", "sales", "3", "status", "completed"),
    "another currency": ("UPDATE sales SET currency = 'EUR' WHERE id = 3", "sales", "3", "currency", "GBP"),
    "more tax than total": ("UPDATE sales SET tax_cents = total_cents + 1 WHERE id = 3", "sales", "3", "tax_cents",
                            "more than"),
    "a quantity of zero": ("UPDATE sale_items SET quantity = 0 WHERE id = 1", "sale_items", "1", "quantity", "zero"),
    "a payment without method": ("UPDATE payments SET method = NULL WHERE id = 1", "payments", "1", "method",
                                 "missing"),
    "an item without sale": ("INSERT INTO sale_items (id, sale_id, sku, name, quantity, unit_price_cents, tax_rate, "
                             "total_cents) VALUES (9001, 777, 'x', 'x', 1, 1, 0, 1)", "sale_items", "9001", "sale_id",
                             "777"),
    "a payment without sale": ("INSERT INTO payments (id, sale_id, method, amount_cents, change_cents) VALUES (9001, "
                               "777, 'cash', 1, 0)", "payments", "9001", "sale_id", "777"),
    "a pending row without sale": ("INSERT INTO sync_outbox (id, entity_type, entity_id) VALUES (9001, 'sale', "
                                   "'777')", "sync_outbox", "9001", "entity_id", "777"),
    "a mark of sending that is empty": ("UPDATE sync_outbox SET sent_at = '' WHERE id = 3", "sync_outbox", "3",
                                        "sent_at", "NULL"),
    "a mark of sending that is zero": ("UPDATE sync_outbox SET sent_at = 0 WHERE id = 3", "sync_outbox", "3",
                                       "sent_at", "NULL"),
    "a mark of sending without sale": ("INSERT INTO sync_outbox (id, entity_type, entity_id, sent_at) VALUES (9001, "
                                       "'sale', '777', '')", "sync_outbox", "9001", "sent_at", "NULL"),
    "a pending row of another kind": ("INSERT INTO sync_outbox (id, entity_type, entity_id) VALUES (9001, 'shift', "
                                      "'1')", "sync_outbox", "9001", "entity_type", "shift"),
}


def spoil(path, kind):
    """Makes one fault of FAULTS: (table, row, column, word)."""
    sql, *told = FAULTS[kind]
    with sqlite3.connect(path) as database:
        database.execute(sql)
    database.close()
    return told


def page_size(path):
    stated = int.from_bytes(pathlib.Path(path).read_bytes()[16:18], "big")
    return 65536 if stated == 1 else stated


def tear(path, target, page, cut=False):
    """A copy whose page (from 0) is overwritten, or that ends with it."""
    content = bytearray(pathlib.Path(path).read_bytes())
    size = page_size(path)
    if cut:
        content = content[:page * size]
    else:
        content[page * size:(page + 1) * size] = b"\xa5" * size
    pathlib.Path(target).write_bytes(content)
    return target
