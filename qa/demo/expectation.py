"""What must come out, summed from the input itself.

Deliberately stands apart from importer.py: it looks at the rows, not at the documents made of
them, so a fault of the importer shows as a difference in the proof.
"""

import collections
import dataclasses
import decimal


@dataclasses.dataclass
class Expectation:
    stock: dict  # code -> pieces, negative ones too
    sales_total: decimal.Decimal  # money in by sales (and out by lines below zero)
    refunds_total: decimal.Decimal  # money paid back
    pieces_out: int
    pieces_back: int


def expect(rows, delivered=None):
    """The sums of a day. `delivered`: {code: pieces} that came in before it."""
    stock = collections.Counter(delivered or {})
    sales = refunds = decimal.Decimal(0)
    pieces_out = pieces_back = 0
    nobody_paid = _invoices_nobody_paid(rows)
    for row in rows:
        corrects_stock = row.invoice in nobody_paid or (
            row.invoice[0] not in "CcAa" and row.quantity < 0 and row.price == 0)
        if corrects_stock:
            stock[row.code] += row.quantity
            continue
        stock[row.code] -= row.quantity
        # Half a penny away from zero, by hand: whole thousandths of pennies first.
        amount = _round_to_pennies(row.price * row.quantity)
        if row.invoice[0] in "Cc" and row.quantity < 0:
            refunds -= amount
            pieces_back -= row.quantity
        else:
            sales += amount
            pieces_out += row.quantity
    return Expectation(dict(stock), sales, refunds, pieces_out, pieces_back)


def _invoices_nobody_paid(rows):
    paid = {row.invoice for row in rows if row.price != 0 or row.customer}
    return {row.invoice for row in rows if row.invoice[0] not in "CcAa"} - paid


def _round_to_pennies(amount):
    pennies = abs(amount) * 100
    whole = int(pennies)
    if pennies - whole >= decimal.Decimal("0.5"):
        whole += 1
    return decimal.Decimal(whole if amount >= 0 else -whole) / 100
