"""A trading day of the same shape as the real one, for machines that do not have the file.

Shape: 218 invoices with 1 to some 250 lines, more in the afternoon than in the morning, three in
ten of them cancellations, and every oddity that the real year has. The same seed gives the same
bytes. The rows go through retail_csv.py like a real file's, so nothing is skipped.
"""

import csv
import datetime
import io
import math
import random

from qa.demo import retail_csv

INVOICES = 218
CANCELLATION_SHARE = 0.29
PRODUCTS = 1400
LINES_MAX = 254
# Invoices per hour from 8 to 20 o'clock, as on the busiest real day.
HOURS = {8: 2, 9: 13, 10: 14, 11: 16, 12: 20, 13: 18, 14: 22, 15: 30, 16: 18, 17: 24, 18: 31,
         19: 7, 20: 3}
DAY = datetime.date(2011, 10, 6)

_COLOURS = ("RED", "BLUE", "IVORY", "GREEN", "PINK", "SILVER", "ANTIQUE", "VINTAGE", "SMALL",
            "LARGE")
_THINGS = ("CANDLE", "MUG", "LUNCH BAG", "CAKE TIN", "DOORMAT", "CUSHION", "PHOTO FRAME", "LANTERN",
           "TEAPOT", "BUNTING", "NAPKINS", "WALL CLOCK", "JAM JAR", "HOT WATER BOTTLE")
_PATTERNS = ("SPOTS", "STRIPES", "HEARTS", "ROSES", "OWLS", "STARS", "BIRDS", "POPPIES")
_REMARKS = ("check", "damages", "?", "thrown away", "", "wet", "counted")
_SERVICES = (("POST", "POSTAGE", "18.00"), ("DOT", "DOTCOM POSTAGE", "297.66"),
             ("M", "Manual", "1.25"), ("C2", "CARRIAGE", "50.00"),
             ("BANK CHARGES", "Bank Charges", "15.00"),
             ("PADS", "PADS TO MATCH ALL CUSHIONS", "0.001"),
             ("gift_0001_20", "Gift Voucher £20.00", "16.67"),
             ("DCGSSBOY", "BOYS PARTY BAG", "1.25"))


def generate(seed):
    """A SalesFile."""
    return retail_csv.read_bytes(generate_csv(seed).encode(), f"generated day (seed {seed})")


def generate_csv(seed):
    return _Day(random.Random(seed)).text()


class _Day:
    def __init__(self, chance):
        self._chance = chance
        self._rows = []
        self._number = 569_700
        self._products = [self._product(index) for index in range(PRODUCTS)]

    def text(self):
        for moment in self._moments():
            self._number += self._chance.randrange(1, 3)
            kind = self._chance.random()
            if kind < CANCELLATION_SHARE:
                self._cancellation(moment)
            elif kind < CANCELLATION_SHARE + 0.08:
                self._stock_correction(moment)
            else:
                self._sale(moment)
        self._every_oddity_once()
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(retail_csv.COLUMNS)
        writer.writerows(sorted(self._rows, key=lambda row: row[4]))
        return out.getvalue()

    def _product(self, index):
        """(code, description, price): every fortieth code has a sister in small letters."""
        code = f"{20000 + index * 7}"
        if index % 10 == 0:
            code += "ABCDEFGH"[index // 10 % 8]
        if index % 40 == 1:
            code = f"{20000 + (index - 1) * 7}" + "ABCDEFGH"[(index - 1) // 10 % 8].lower()
        words = (self._one(_COLOURS), self._one(_THINGS), self._one(_PATTERNS))
        pennies = int(math.exp(self._chance.random() * 4.4) * 40) + 5
        return code, " ".join(words), f"{pennies / 100:.2f}"

    def _one(self, choices):
        return choices[self._chance.randrange(len(choices))]

    def _popular(self):
        """A tenth of the products makes half of the lines."""
        return self._products[int(self._chance.random() ** 2.5 * PRODUCTS)]

    def _moments(self):
        hours = [hour for hour, weight in HOURS.items() for _ in range(weight)]
        times = [datetime.time(self._one(hours), self._chance.randrange(60))
                 for _ in range(INVOICES - 6)]
        return [datetime.datetime.combine(DAY, time) for time in sorted(times)]

    def _add(self, invoice, product, quantity, moment, price=None, customer="", description=None):
        code, name, usual = product
        self._rows.append((invoice, code, name if description is None else description, quantity,
                           moment.isoformat(" "), usual if price is None else price, customer,
                           "United Kingdom"))

    def _customer(self):
        return f"{self._chance.randrange(12346, 18288)}.0" if self._chance.random() < 0.9 else ""

    def _sale(self, moment):
        invoice, customer = str(self._number), self._customer()
        lines = min(LINES_MAX, 1 + int(math.exp(self._chance.random() ** 1.2 * 4.6)))
        if self._chance.random() < 0.02:
            lines = LINES_MAX - self._chance.randrange(40)
        for _ in range(lines):
            product = self._popular()
            roll = self._chance.random()
            if roll < 0.01:
                product = self._one(_SERVICES)
            quantity = max(1, int(math.exp(self._chance.random() ** 3 * 6)))
            price = "0.0" if roll > 0.997 and customer else None
            if 0.2 < roll < 0.25:  # sold dearer at the counter than by post
                price = f"{float(product[2]) * 1.25:.2f}"
            description = f" {product[1]}  " if 0.9 < roll < 0.95 else None
            if 0.8 < roll < 0.81:
                description = f"{product[1]} (NEW)"
            self._add(invoice, product, quantity, moment, price, customer, description)
            if 0.5 < roll < 0.513:  # scanned twice
                self._add(invoice, product, quantity, moment, price, customer, description)

    def _cancellation(self, moment):
        customer = self._customer()
        for _ in range(1 + int(self._chance.random() ** 4 * 12)):
            pieces = 1 + int(self._chance.random() ** 3 * 40)
            self._add(f"C{self._number}", self._popular(), -pieces, moment, None, customer)

    def _stock_correction(self, moment):
        found = self._chance.random() < 0.4
        pieces = 1 + int(self._chance.random() ** 3 * 400)
        self._add(str(self._number), self._popular(), pieces if found else -pieces, moment, "0.0",
                  "", self._one(_REMARKS))

    def _every_oddity_once(self):
        """What chance might leave out of a single day."""
        noon = datetime.datetime.combine(DAY, datetime.time(12, 0))
        late = noon + datetime.timedelta(hours=3, minutes=11)
        self._number += 1
        first, second, third = self._products[0], self._products[1], self._products[2]
        two_times = str(self._number)
        self._add(two_times, first, 3, noon, None, "15804.0")
        self._add(two_times, second, 2, noon + datetime.timedelta(minutes=1), None, "15804.0")
        self._add(two_times, second, 2, noon + datetime.timedelta(minutes=1), None, "15804.0")
        for offset, sign in enumerate(("", "-"), 1):
            self._add(f"A{self._number + offset}", ("B", "Adjust bad debt", "0"), 1,
                      late + datetime.timedelta(minutes=offset), f"{sign}11062.06")
        pads = str(self._number + 3)
        for service in _SERVICES:
            self._add(pads, service, 5, late, None, "13952.0")
        gift = str(self._number + 4)
        self._add(gift, first, 1, late, None, "14911.0")
        self._add(gift, third, 2, late, "0.0", "14911.0")  # a present
        self._add(gift, second, -4, late, "0.0", "", "damages")  # written off on the same invoice
        self._add(str(self._number + 5), third, -26, late, "0.0", "", "")
        self._number += 5
