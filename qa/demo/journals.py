"""Reads a till's journals through its API and checks them with nothing of the product's code.

The entry's bytes are taken apart by a few lines of our own (proto/entry.proto has the numbers),
so that hash, chain, key and receipt are what the bytes say, not what the till says of them.
Signatures are left to `titan-pos journal verify`.
"""

import base64
import dataclasses
import hashlib

from qa.harness.protobuf import fields

PAGE_ENTRIES = 500
SIGNED_ENTRY_ENVELOPE = 1
JOURNAL, NUMBER, PREVIOUS_HASH, KIND, KEY, STOCK_EFFECT, RECEIPT = 1, 2, 3, 4, 10, 13, 17
EFFECT_PRODUCT, EFFECT_ADDED, EFFECT_REMOVED = 1, 2, 3
RECEIPT_TERMINAL, RECEIPT_NUMBER = 1, 2
UNITS_PER_PIECE = 1_000_000


class ChainFault(Exception):
    """A journal does not hold together; the text says where."""


@dataclasses.dataclass(frozen=True)
class Entry:
    journal: str
    number: int
    hash: str
    kind: int
    key: str
    effects: tuple  # (sku, units added, units removed)
    receipt: tuple | None  # (terminal, number)

    @property
    def id(self):
        return f"{self.journal}:{self.number}"


def read_entry(data):
    """(Entry, previous hash) from the bytes of a signed entry."""
    envelope = dict(fields(data))[SIGNED_ENTRY_ENVELOPE]
    found = fields(envelope)
    one = dict(found)
    effects = []
    for number, value in found:
        if number == STOCK_EFFECT:
            effect = dict(fields(value))
            effects.append((effect.get(EFFECT_PRODUCT, b"").decode(), effect.get(EFFECT_ADDED, 0),
                            effect.get(EFFECT_REMOVED, 0)))
    receipt = None
    if RECEIPT in one:
        parts = dict(fields(one[RECEIPT]))
        receipt = (parts.get(RECEIPT_TERMINAL, b"").decode(), parts.get(RECEIPT_NUMBER, 0))
    own_hash = hashlib.blake2b(data, digest_size=32).hexdigest()
    entry = Entry(one[JOURNAL].hex(), one[NUMBER], own_hash, one.get(KIND, 0),
                  one.get(KEY, b"").decode(), tuple(effects), receipt)
    return entry, one.get(PREVIOUS_HASH, b"").hex()


def check_chain(journal, rows):
    """Rows of GET /v1/journal, from number 1 on -> [Entry]. ChainFault names the first fault."""
    entries, previous, expected = [], "", 1
    for row in rows:
        place = f"journal {journal[:8]} number {row['number']}"
        try:
            entry, chained_to = read_entry(base64.b64decode(row["bytes_base64"], validate=True))
        except (ValueError, KeyError) as error:
            raise ChainFault(f"{place}: its bytes cannot be read ({error})") from None
        if entry.number != expected or row["number"] != expected:
            raise ChainFault(f"{place}: number {expected} was to come")
        if entry.journal != journal:
            raise ChainFault(f"{place}: its bytes belong to journal {entry.journal[:8]}")
        if entry.hash != row["hash"]:
            raise ChainFault(f"{place}: the hash of its bytes is {entry.hash[:8]}, "
                             f"not {row['hash'][:8]}")
        if chained_to != previous:
            raise ChainFault(f"{place}: chained to {chained_to[:8] or 'nothing'}, the entry before "
                             f"it is {previous[:8] or 'nothing'}")
        entries.append(entry)
        previous, expected = entry.hash, expected + 1
    return entries


async def read_journals(till):
    """{journal: [Entry]} of everything a till holds, each chain checked."""
    journals = {}
    for summary in (await till.api("GET", "/v1/journal"))["journals"]:
        journal, rows, start = summary["journal"], [], 1
        while start:
            place = f"journal={journal}&from={start}&limit={PAGE_ENTRIES}"
            page = await till.api("GET", f"/v1/journal?{place}", seconds=30)
            rows += page["entries"]
            start = page["next"]
        journals[journal] = check_chain(journal, rows)
    return journals


def receipt_faults(journals):
    """What is wrong with the receipts of {journal: [Entry]}: gaps in a series, one used twice."""
    faults, owners = [], {}
    for journal, entries in sorted(journals.items()):
        last = None
        for entry in entries:
            if entry.receipt is None:
                continue
            terminal, number = entry.receipt
            if last is not None and number != last + 1:
                faults.append(f"{terminal}, series {journal[:8]}: {number} follows {last}")
            if (terminal, number) in owners:
                other = owners[terminal, number]
                faults.append(f"{terminal}: receipt {number} is in series {other[:8]} and "
                              f"{journal[:8]}")
            owners[terminal, number] = journal
            last = number
    for terminal in sorted({terminal for terminal, _ in owners}):
        numbers = sorted(number for name, number in owners if name == terminal)
        if numbers != list(range(1, len(numbers) + 1)):
            faults.append(f"{terminal}: {len(numbers)} receipts do not have the numbers 1 to "
                          f"{len(numbers)}")
    return faults


def stock_of(journals):
    """{sku: pieces} by adding up every entry's effects; the data has whole pieces only."""
    units = {}
    for entries in journals.values():
        for entry in entries:
            for sku, added, removed in entry.effects:
                units[sku] = units.get(sku, 0) + added - removed
    assert all(value % UNITS_PER_PIECE == 0 for value in units.values()), "a fraction of a piece"
    return {sku: value // UNITS_PER_PIECE for sku, value in units.items()}
