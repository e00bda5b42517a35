"""What is on disks, in the store database and in the cloud, read from there itself."""

import dataclasses
import sqlite3

from qa.harness.postgres import query_store_database
from qa.harness.protobuf import fields

# Numbers of proto/entry.proto.
ENVELOPE = 1
KIND, DEVICE, KEY, REQUEST_HASH, CLAIM, STOCK_EFFECT, RECEIPT = 4, 5, 10, 11, 12, 13, 17


@dataclasses.dataclass(frozen=True)
class Entry:
    journal: str
    number: int
    hash: str
    bytes: bytes = dataclasses.field(default=b"", repr=False, compare=False)

    def held(self):
        return [self.journal, self.number, self.hash]

    def facts(self):
        """EntryFacts as a history file has them, from the bytes; what is empty is left out."""
        envelope = fields(dict(fields(self.bytes))[ENVELOPE])
        one = dict(envelope)
        found = {"id": [self.journal, self.number], "hash": self.hash,
                 "device": one[DEVICE].hex(), "kind": one.get(KIND, 0), "bytes": len(self.bytes)}
        for name, number in (("request_hash", REQUEST_HASH), ("claim", CLAIM)):
            if one.get(number):
                found[name] = one[number].hex()
        if one.get(KEY):
            found["key"] = one[KEY].decode()
        effects = [dict(fields(value)) for number, value in envelope if number == STOCK_EFFECT]
        found["effects"] = [[effect.get(1, b"").decode(), effect.get(2, 0), effect.get(3, 0)]
                            for effect in effects]
        if RECEIPT in one:
            parts = dict(fields(one[RECEIPT]))
            found["receipt"] = [parts.get(1, b"").decode(), parts.get(2, 0)]
        return found


def read_disk(file):
    """Every entry in a journal store, of a terminal that runs or not; [] when there is none."""
    if not file.exists():
        return []
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    try:
        rows = database.execute(
            "SELECT journals.journal, entries.number, entries.hash, entries.bytes FROM entries"
            " JOIN journals ON journals.ref = entries.journal ORDER BY entries.position")
        return [Entry(bytes(journal).hex(), number, bytes(hash).hex(), bytes(data))
                for journal, number, hash, data in rows]
    except sqlite3.DatabaseError:
        return []  # not a journal store (yet): the terminal will say so itself
    finally:
        database.close()


# Both PostgreSQL databases keep entries alike.
ENTRIES_SQL = ("SELECT encode(journal, 'hex'), number, encode(hash, 'hex'), encode(bytes, 'hex')"
               " FROM {schema}.entries WHERE store = '{store}' ORDER BY journal, number")


def entries_of_rows(rows):
    return [Entry(journal, int(number), hash, bytes.fromhex(data))
            for journal, number, hash, data in rows]


async def read_cloud(cloud, tenant, store):
    """Every entry the cloud has projected for a store."""
    rows = await cloud.postgres.query(
        ENTRIES_SQL.format(schema=f"tenant_{tenant}", store=store), "titan")
    return entries_of_rows(row for row in rows if len(row) == 4)


async def read_store_database(till, tenant, store):
    """(entries, (term, process)) of a leader's store database, or None where it shows no address."""
    address = (await till.status())["store_database"]["address"]
    if not address.startswith("postgresql://"):
        return None
    entries = await query_store_database(
        till, address, ENTRIES_SQL.format(schema=f"tenant_{tenant}", store=store))
    token = await query_store_database(
        till, address, f"SELECT term, encode(process, 'hex') FROM tenant_{tenant}.leadership"
                       f" WHERE store = '{store}'")
    return entries_of_rows(entries), (int(token[0][0]), token[0][1]) if token else None
