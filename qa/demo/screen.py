"""What a person sees: on a terminal a table that is redrawn five times a second below the story's
lines, elsewhere the lines alone, one per event."""

import asyncio
import shutil
import sys
import textwrap
import unicodedata

REDRAW_SECONDS = 0.2
COLOURS = {"red": "31", "green": "32", "yellow": "33", "grey": "90", "bold": "1"}
MOODS = {"plain": "", "bad": "yellow", "good": "green", "head": "bold"}
WIDTH_MAX = 110
TEXT_COLUMN = 10  # where the text of a story line begins, behind its time


def width_of(text):
    """Columns on a terminal."""
    return sum(0 if unicodedata.combining(character)
               else 2 if unicodedata.east_asian_width(character) in "WF" else 1
               for character in text)


def fit(text, width, align="left"):
    """Exactly `width` columns: padded, or cut with an ellipsis."""
    if width_of(text) > width:
        while width_of(text) > width - 1:
            text = text[:-1]
        text += "…"
    padding = " " * (width - width_of(text))
    return padding + text if align == "right" else text + padding


class Screen:
    def __init__(self, story, headless, out=sys.stdout):
        self._story = story
        self._out = out
        self.live = out.isatty() and not headless
        self._drawn = 0  # lines of the table now on the terminal
        self._table = lambda: []
        self._task = None
        story.on_line = self.line

    def colour(self, name, text):
        if not self.live or not name:
            return text
        return f"\x1b[{COLOURS[name]}m{text}\x1b[0m"

    def line(self, line):
        """A line of the story, above the table."""
        lead = self.colour("grey", f"{line.seconds:6.1f} s") + "  "
        self.text(line.text, lead, TEXT_COLUMN, MOODS[line.mood])

    def text(self, text="", lead="", column=0, colour=""):
        """`text` behind `lead`, which is `column` wide; on a terminal wrapped to stay there."""
        self._erase()
        rows = [text]
        if self.live:
            room = shutil.get_terminal_size().columns - column
            rows = textwrap.wrap(text, max(20, room), drop_whitespace=column > 0) or [""]
        for row in rows:
            self._write(f"{lead}{self.colour(colour, row)}\n")
            lead = " " * column
        self._draw()

    def start(self, table):
        """`table()` gives the lines to show; called at every redraw."""
        self._table = table
        if self.live:
            self._write("\x1b[?25l")  # no cursor blinking over the table
            self._task = asyncio.create_task(self._redraw())

    async def stop(self, keep_table=True):
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            self._erase()
            for line in self._table() if keep_table else []:
                self._write(line + "\n")
            self._write("\x1b[?25h")
        self._table = lambda: []

    async def _redraw(self):
        while True:
            self._erase()
            self._draw()
            await asyncio.sleep(REDRAW_SECONDS)

    def _erase(self):
        if self._drawn:
            self._write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0

    def _draw(self):
        if self._task is None:
            return
        room = max(4, shutil.get_terminal_size().lines - 2)
        lines = self._table()[:room]
        self._write("".join(line + "\n" for line in lines))
        self._drawn = len(lines)

    def _write(self, text):
        try:
            self._out.write(text)
            self._out.flush()
        except BrokenPipeError:
            pass  # whoever read us went away; the exit code still tells


class ShopTable:
    """The lines of the live table."""

    COLUMNS = (("till", 8, "left"), ("role", 13, "left"), ("sees", 6, "left"), ("sold", 6, "right"),
               ("entries", 8, "right"), ("pending", 8, "right"), ("stock events", 13, "right"),
               ("last change of stock", 32, "left"))

    def __init__(self, shop, cashiers, watcher, day, documents, screen):
        self._shop = shop
        self._cashiers = cashiers
        self._watcher = watcher
        self._day = day
        self._documents = documents
        self._screen = screen

    def lines(self):
        width = min(WIDTH_MAX, shutil.get_terminal_size().columns - 1)
        paint = self._screen.colour
        rule = paint("grey", "─" * width)
        head = "  ".join(fit(name, size, align) for name, size, align in self.COLUMNS)
        lines = [rule, self._title(width), "", paint("grey", fit(head, width).rstrip())]
        lines += [self._till_line(view, width) for view in self._watcher.views.values()]
        lines += ["", self._database_line(width), self._cloud_line(width), rule]
        return lines

    def _title(self, width):
        clock = self._cashiers.shop_clock
        when = f"{clock:%A %-d %B %Y %H:%M}" if clock else "before opening"
        done = f"{len(self._cashiers.sold)} of {len(self._documents)} receipts and corrections"
        state, colour = self._day.headline, "yellow"
        if not state:
            state, colour = "the LAN is whole", "green"
            if not self._shop.lab.isolated:
                state = "on loopback, nothing can be cut"
        left = fit(f"{when}   {done}", max(10, width - width_of(state) - 3)).rstrip()
        return self._screen.colour("bold", left) + "   " + self._screen.colour(colour, state)

    def _till_line(self, view, width):
        cells, colour = self._cells(view)
        text = "  ".join(fit(str(cell), size, align)
                         for cell, (_, size, align) in zip(cells, self.COLUMNS))
        return self._screen.colour(colour, fit(text, width).rstrip())

    def _cells(self, view):
        status = view.status
        if view.till in self._shop.down:
            return (view.till.name, "✗ dead", "", view.sales, "", "", "", ""), "red"
        if status is None or not view.answers:
            return (view.till.name, "… no answer", "", view.sales, "", "", "", ""), "yellow"
        role = status["role"]
        term = (status.get("leader") or {}).get("term", "")
        shown = f"● leader {term}" if role == "leader" else f"○ {role}"
        alive = sum(member["state"] == "alive" for member in status["members"])
        last = view.last_stock
        change = f"{last['sku']}: {last['before']} → {last['display']}" if last else ""
        cells = (view.till.name, shown, f"{alive} of {self._shop.count}", view.sales,
                 f"{status['vector']['entries']:,}", f"{status['pending_uploads']:,}",
                 f"{view.stock_events:,}", change)
        return cells, "green" if role == "leader" else ""

    def _database_line(self, width):
        parts = []
        for view in self._watcher.views.values():
            if view.status and view.answers and view.status["role"] == "leader":
                database = view.status["store_database"]
                behind = f", {database['behind']:,} behind" if database["behind"] else ""
                parts.append(f"on {view.till.name}: {database['state']}, "
                             f"{database['complete_to']:,} entries{behind}")
        text = "; ".join(parts) or "nobody leads just now"
        return fit(f"store database  {text}", width).rstrip()

    def _cloud_line(self, width):
        row, watcher = self._watcher.cloud, self._watcher
        if not watcher.cloud_answers or not row:
            return fit("cloud           no answer", width).rstrip()
        holder = row.get("holder") or {}
        state = "connected" if row["connected"] else "no till connected"
        if self._shop.cloud_cut:
            state = "CUT OFF"
        text = (f"cloud           {row['entries']:,} entries, uplink of "
                f"{holder.get('terminal', 'nobody')} (term {holder.get('term', '–')}), {state}")
        colour = "yellow" if self._shop.cloud_cut else ""
        return self._screen.colour(colour, fit(text, width).rstrip())
