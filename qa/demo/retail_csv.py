"""Reads sales in the Online Retail layout: one line per article on an invoice.

    InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country

Only reads and checks; what a line means for a shop is importer.py's matter. A fault names file,
line and column, and nothing of a faulty file is used.
"""

import csv
import dataclasses
import datetime
import decimal
import gzip
import io
import pathlib

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
           "CustomerID", "Country")
TIME_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M")
CODE_BYTES_MAX = 64  # a till's limit for a sku
QUANTITY_MAX = 1_000_000_000  # a till's limit for one line
PRICE_DIGITS_MAX = 6  # behind the point, a till's limit


class InputError(Exception):
    """The file cannot be used; the text says why and where."""


@dataclasses.dataclass(frozen=True)
class Row:
    line: int  # in the file, the header being 1
    invoice: str
    code: str
    description: str
    quantity: int  # negative: see docs/DATA_IMPORT.md
    time: datetime.datetime
    price: decimal.Decimal
    customer: str
    country: str


@dataclasses.dataclass
class SalesFile:
    name: str
    rows: list
    notes: list  # what was done to the file as a whole, in words

    def days(self):
        """{date: number of invoices}, in order."""
        invoices = {}
        for row in self.rows:
            invoices.setdefault(row.time.date(), set()).add(row.invoice)
        return {day: len(found) for day, found in sorted(invoices.items())}

    def busiest_day(self):
        """The day with the most invoices; of equal ones the first."""
        days = self.days()
        return max(days, key=lambda day: (days[day], -day.toordinal()))

    def only(self, day):
        """One trading day. An invoice belongs to the day of its first line."""
        first = {}
        for row in self.rows:
            first.setdefault(row.invoice, row.time.date())
        rows = [row for row in self.rows if first[row.invoice] == day]
        if not rows:
            days = list(self.days())
            raise InputError(f"{self.name} has no sales on {day}; it goes from {days[0]} to "
                             f"{days[-1]}.")
        return SalesFile(self.name, rows, list(self.notes))


def read_file(path):
    """The sales of a .csv or .csv.gz file."""
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}. "
                         "Give another file with --sales.") from None
    return read_bytes(data, path.name)


def read_bytes(data, name):
    notes = []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The set is also passed round as Windows text, in which only the pound sign differs.
        text = data.decode("cp1252", "replace")
        notes.append("the file is not UTF-8; read as Windows-1252")
    if "\x00" in text:
        raise InputError(f"{name} is not a text file (it contains zero bytes).")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _read_rows(reader, name, notes)
    except csv.Error as error:
        raise InputError(f"{name} line {reader.line_num} is not valid CSV: {error}.") from None


def _read_rows(reader, name, notes):
    header = next(reader, None)
    if header is None:
        raise InputError(f"{name} is empty.")
    columns = _columns(header, name)
    rows, zero = [], 0
    for fields in reader:
        if not any(fields):
            continue
        if len(fields) != len(header):
            raise InputError(f"{name} line {reader.line_num} has {len(fields)} fields; the header "
                             f"has {len(header)}.")
        row = _row(name, reader.line_num, {column: fields[at] for column, at in columns.items()})
        if row.quantity == 0:
            zero += 1
        else:
            rows.append(row)
    if not rows:
        raise InputError(f"{name} has a header but no sales.")
    if zero:
        notes.append(f"{zero} lines with quantity 0 left out: nothing was sold")
    return SalesFile(name, rows, notes)


def _columns(header, name):
    """{column: place}. Letter case and blanks in the names do not matter ("Customer ID")."""
    def plain(text):
        return text.replace(" ", "").casefold()

    places = {}
    for at, found in enumerate(header):
        if plain(found) in places:
            raise InputError(f"{name} has two columns named {found}.")
        places[plain(found)] = at
    missing = [column for column in COLUMNS if plain(column) not in places]
    if missing:
        raise InputError(f"{name} is not in the Online Retail layout: no column "
                         f"{', '.join(missing)}. Its header must name {','.join(COLUMNS)}.")
    return {column: places[plain(column)] for column in COLUMNS}


def _row(name, line, fields):
    def fault(column, problem):
        return InputError(f"{name} line {line}, {column}: {fields[column]!r} {problem}.")

    invoice, code = fields["InvoiceNo"].strip(), fields["StockCode"].strip()
    if not invoice:
        raise fault("InvoiceNo", "is missing; without it the line belongs to no receipt")
    if not code or len(code.encode()) > CODE_BYTES_MAX:
        raise fault("StockCode", f"must have 1 to {CODE_BYTES_MAX} bytes")
    quantity = _decimal(fields["Quantity"])
    if quantity is None or quantity != int(quantity) or abs(quantity) > QUANTITY_MAX:
        raise fault("Quantity", f"must be a whole number of at most {QUANTITY_MAX} pieces")
    price = _decimal(fields["UnitPrice"])
    if price is None or -price.as_tuple().exponent > PRICE_DIGITS_MAX:
        raise fault("UnitPrice", f"must be a price like 2.55, at most {PRICE_DIGITS_MAX} digits "
                                 "behind the point")
    time = _time(fields["InvoiceDate"].strip())
    if time is None:
        raise fault("InvoiceDate", "must be a time like 2011-10-06 08:17:00")
    customer = fields["CustomerID"].strip().removesuffix(".0")
    return Row(line, invoice, code, fields["Description"], int(quantity), time, price, customer,
               fields["Country"].strip())


def _decimal(text):
    try:
        value = decimal.Decimal(text.strip())
    except decimal.InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 15 else None


def _time(text):
    for form in TIME_FORMATS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            pass
    return None
