"""What a shop makes of each line: sales, refunds, stock adjustments, and the day's catalogue.

docs/DATA_IMPORT.md says how each oddity of the data is treated and why. The result is a list of
documents, each one request to a till's API.
"""

import collections
import dataclasses
import datetime
import decimal
import hashlib
import unicodedata

LINES_PER_DOCUMENT_MAX = 1000  # a till takes 2,000; the largest real receipt has 1,114
DESCRIPTION_BYTES_MAX = 1000
CUSTOMER_TOKEN_CHARACTERS = 16
PENNY = decimal.Decimal("0.01")

PATHS = {"sale": "/v1/sales", "refund": "/v1/refunds", "adjustment": "/v1/adjustments",
         "delivery": "/v1/deliveries"}


@dataclasses.dataclass(frozen=True)
class Document:
    """One request to a till. `key` is what makes a repeat of it count once."""

    key: str
    kind: str  # sale, refund, adjustment, delivery
    time: datetime.datetime
    body: dict = dataclasses.field(hash=False)
    lines: int = 0

    @property
    def path(self):
        return PATHS[self.kind]


@dataclasses.dataclass
class TradingDay:
    documents: list  # in the order of the day
    products: list  # as the cloud's and the tills' product lists take them
    oddities: dict  # what was met: words -> how often


def import_day(rows, customer_salt=b"titan-demo"):
    """Rows of one or more days -> TradingDay. `customer_salt` keeps customer numbers out of
    journals: a till only gets a token."""
    oddities = collections.Counter()
    catalogue = _catalogue(rows, oddities)
    by_invoice = collections.OrderedDict()
    last = None
    for row in rows:
        if row.invoice in by_invoice and row.invoice != last:
            oddities["invoices in several runs, joined"] += 1
        by_invoice.setdefault(row.invoice, []).append(row)
        last = row.invoice
    documents = []
    for invoice, lines in by_invoice.items():
        if len({row.time for row in lines}) > 1:
            oddities["invoices with several times, booked at the first"] += 1
        documents += _documents(invoice, lines, catalogue, customer_salt, oddities)
    documents.sort(key=lambda document: document.time)  # stable: equal minutes keep their order
    _count_lines(rows, oddities)
    return TradingDay(documents, list(catalogue.values()), dict(sorted(oddities.items())))


def count_kinds(documents):
    """{kind: how many}, in the order of PATHS."""
    counts = collections.Counter(document.kind for document in documents)
    return {kind: counts[kind] for kind in PATHS if counts[kind]}


def is_cancellation(invoice):
    return invoice[0] in "Cc"


def is_bookkeeping(invoice):
    return invoice[0] in "Aa"


def is_stock_count(lines):
    """An invoice that nobody paid and nobody got: price 0 throughout and no customer."""
    return all(row.price == 0 and not row.customer for row in lines)


def clean_text(text):
    """Trimmed, runs of blanks made one, control characters dropped: fit to be printed."""
    kept = "".join(" " if character.isspace() else character for character in text
                   if character.isspace() or unicodedata.category(character) != "Cc")
    return " ".join(kept.split()).encode()[:DESCRIPTION_BYTES_MAX].decode(errors="ignore")


def line_total(price, quantity):
    """What a line costs, in whole pennies; a half penny goes away from zero, as at a till."""
    return (price * quantity).quantize(PENNY, rounding=decimal.ROUND_HALF_UP)


# --- the catalogue ---

def _catalogue(rows, oddities):
    """{code: product}, in the order of first appearance.

    Of several descriptions and prices the commonest wins, of equally common ones the first. Lines
    without a price are no source for a description: theirs are remarks ("check", "?")."""
    names, prices = {}, {}
    for row in rows:
        names.setdefault(row.code, collections.Counter())
        prices.setdefault(row.code, collections.Counter())
        if row.price > 0:
            prices[row.code][row.price] += 1
            if clean_text(row.description):
                names[row.code][clean_text(row.description)] += 1
    products = {}
    for code in names:
        if len(names[code]) > 1:
            oddities["products with several descriptions"] += 1
        if len(prices[code]) > 1:
            oddities["products with several prices"] += 1
        product = {"sku": code, "currency": "GBP",
                   "description": _commonest(names[code]) or code}
        if prices[code]:
            product["price"] = plain_number(_commonest(prices[code]))
        products[code] = product
    folded = collections.Counter(code.casefold() for code in products)
    alike = sum(1 for count in folded.values() if count > 1)
    if alike:
        oddities["codes that differ only in letter case, kept apart"] = alike
    return products


def _commonest(counter):
    return max(counter, key=counter.get) if counter else None  # max keeps the first of equals


def plain_number(value):
    """A decimal as a till reads it: no exponent."""
    return format(value, "f")


# --- documents ---

def _documents(invoice, lines, catalogue, customer_salt, oddities):
    if is_cancellation(invoice):
        back = [row for row in lines if row.quantity < 0]
        out = [row for row in lines if row.quantity > 0]
        oddities["cancellations, booked as refunds"] += 1
        made = _split(_refund, invoice, back, catalogue, customer_salt)
        if out:  # something bought on a cancellation is a purchase
            made += _split(_sale, f"{invoice}-sold", out, catalogue, customer_salt)
        return made
    if is_bookkeeping(invoice):
        oddities["bad-debt adjustments, booked on account"] += 1
        return _split(_on_account, invoice, lines, catalogue, customer_salt)
    if is_stock_count(lines):
        oddities["stock corrections without a customer, booked as adjustments"] += 1
        return _split(_adjustment, invoice, lines, catalogue, customer_salt)
    written_off = [row for row in lines if row.quantity < 0 and row.price == 0]
    sold = [row for row in lines if row not in written_off]
    made = _split(_sale, invoice, sold, catalogue, customer_salt)
    if written_off:
        oddities["write-offs on a sale's invoice, booked apart"] += 1
        made += _split(_adjustment, f"{invoice}-written-off", written_off, catalogue, customer_salt)
    return made


def _split(make, name, lines, catalogue, customer_salt):
    """A receipt beyond a till's limit becomes several."""
    parts = [lines[at:at + LINES_PER_DOCUMENT_MAX]
             for at in range(0, len(lines), LINES_PER_DOCUMENT_MAX)]
    names = [name] if len(parts) == 1 else [f"{name}-part-{at}" for at in range(1, len(parts) + 1)]
    return [make(part_name, part, catalogue, customer_salt)
            for part_name, part in zip(names, parts)]


def _sale(name, lines, catalogue, customer_salt, **more):
    body = _priced("sale", name, lines, catalogue, customer_salt, sign=1)
    body.update(more)
    return Document(body["idempotency_key"], "sale", lines[0].time, body, len(lines))


def _on_account(name, lines, catalogue, customer_salt):
    """Bookkeeping that reached the till: recorded as it is, without touching the drawer."""
    total = sum((line_total(row.price, row.quantity) for row in lines), decimal.Decimal(0))
    return _sale(name, lines, catalogue, customer_salt,
                 payments=[{"method": "account", "amount": plain_number(total), "reference": name}])


def _refund(name, lines, catalogue, customer_salt):
    body = _priced("refund", name, lines, catalogue, customer_salt, sign=-1)
    body["reason"] = f"cancellation {name}; no original invoice is named"
    return Document(body["idempotency_key"], "refund", lines[0].time, body, len(lines))


def _priced(kind, name, lines, catalogue, customer_salt, sign):
    total = sum((line_total(row.price, row.quantity * sign) for row in lines), decimal.Decimal(0))
    body = {"idempotency_key": f"{kind}-{name}", "currency": "GBP",
            "business_date": lines[0].time.date().isoformat(), "total": plain_number(total),
            "lines": [_priced_line(row, catalogue, sign) for row in lines]}
    customer = next((row.customer for row in lines if row.customer), "")
    if customer:
        body["customer_token"] = _token(customer, customer_salt)
    return body


def _priced_line(row, catalogue, sign):
    line = {"sku": row.code, "quantity": str(row.quantity * sign),
            "charged_unit_price": plain_number(row.price)}
    product = catalogue[row.code]
    if "price" in product:
        line["list_unit_price"] = product["price"]
    description = clean_text(row.description)
    if description and row.price != 0:
        line["description"] = description
    return line


def _adjustment(name, lines, _catalogue, _customer_salt):
    remarks = dict.fromkeys(clean_text(row.description) for row in lines)
    remarks.pop("", None)
    body = {"idempotency_key": f"adjustment-{name}",
            "business_date": lines[0].time.date().isoformat(),
            "reason": ", ".join(remarks) or "stock correction without a remark",
            "lines": [{"sku": row.code, "quantity": str(row.quantity)} for row in lines]}
    return Document(body["idempotency_key"], "adjustment", lines[0].time, body, len(lines))


def _token(customer, salt):
    return hashlib.blake2b(customer.encode(), key=salt[:64]).hexdigest()[:CUSTOMER_TOKEN_CHARACTERS]


def _count_lines(rows, oddities):
    """What needs no treatment but should be seen to have been met."""
    oddities["lines repeated in full, each counted"] = len(rows) - len(
        {dataclasses.replace(row, line=0) for row in rows})
    oddities["lines at price 0"] = sum(row.price == 0 for row in rows)
    oddities["lines at a price below 0"] = sum(row.price < 0 for row in rows)
    oddities["lines priced below a penny"] = sum(0 < abs(row.price) < PENNY for row in rows)
    oddities["lines without a description"] = sum(not clean_text(row.description) for row in rows)
    oddities["lines without a customer"] = sum(not row.customer for row in rows)
    oddities["lines that are not ASCII"] = sum(not row.description.isascii() for row in rows)
    oddities["codes of an unusual form"] = len({row.code for row in rows
                                                if not row.code[:5].isdigit()})
    for words in [words for words, count in oddities.items() if not count]:
        del oddities[words]
