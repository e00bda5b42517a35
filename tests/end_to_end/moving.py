"""A shop whose tills move files of the former version in: docs/V01.md."""

import json
import sqlite3

from shop import Shop

MANY_SALES = 6000  # of the files whose move-in is interrupted: some sixty batches, two seconds


class MovingShop(Shop):
    async def reset(self):
        pass

    def file(self, name):
        return self.lab.folder / name

    def own_journal(self, till):
        """A copy of a till's own journal, whole: the till goes on writing."""
        copy = self.file("own.db")
        with sqlite3.connect(f"file:{till.data}/titan.sqlite3?mode=ro", uri=True) as source, \
                sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        return copy

    async def type(self, till, *words, code=0, seconds=60):
        seen, output, errors = await till.command_line(*words, seconds=seconds)
        assert seen == code, f"titan-pos {' '.join(map(str, words))}: exit code {seen}\n{output}{errors}"
        return output + errors

    async def move_in(self, till, path, *more, code=0):
        printed = await self.type(till, "import-v01", path, "--json", *more, code=code)
        return json.loads(printed) if code == 0 else printed


def check_totals(answer, book):
    days = {day["business_date"]: [day["sales"], round(float(day["total"]) * 100)]
            for day in answer["sales"]["days"]}
    assert days == dict(book.days), (days, dict(book.days))
    methods = {row["method"]: round(float(row["amount"]) * 100) for row in answer["sales"]["payments"]}
    assert methods == dict(book.methods), (methods, book.methods)
    sales = answer["sales"]
    assert (sales["count"], sales["voided"], sales["refunded"]) == (book.sales, book.voided, book.refunded), sales
