"""What a benchmark found: rows beside their baselines, printed as a table, kept for the JSON."""

import math


class Row:
    def __init__(self, what, value, unit, baseline, baseline_name, goals):
        self.what = what
        self.value = value
        self.unit = unit
        self.baseline = baseline
        self.baseline_name = baseline_name
        self.goals = goals  # [(text, holds)]

    @property
    def ratio(self):
        if self.baseline in (None, 0) or self.value is None:
            return None
        return self.value / self.baseline

    @property
    def reached(self):
        """None where the design names no figure."""
        return all(holds for _, holds in self.goals) if self.goals else None

    def as_json(self):
        return {"what": self.what, "value": self.value, "unit": self.unit,
                "baseline": self.baseline, "baseline_name": self.baseline_name or None,
                "ratio": self.ratio, "goal": "; ".join(text for text, _ in self.goals) or None,
                "reached": self.reached}


class Report:
    """`figures` holds everything measured, for the JSON; rows and notes are what is printed."""

    def __init__(self, name, title):
        self.name = name
        self.title = title
        self.rows = []
        self.notes = []
        self.figures = {}

    def row(self, what, value, unit="ms", baseline=None, baseline_name="", ratio_max=None,
            at_most=None, at_least=None, below=None):
        """One line of the table.

        The figures to reach (DESIGN, section 11), each optional: value <= ratio_max x baseline,
        value <= at_most, value >= at_least, value < below[1] of the design called below[0]."""
        goals = []
        if ratio_max is not None:
            goals.append((f"<= {ratio_max:g}x {baseline_name}",
                          _known(value, baseline) and value <= ratio_max * baseline))
        if at_most is not None:
            goals.append((f"<= {at_most:g} {unit}", _known(value) and value <= at_most))
        if at_least is not None:
            goals.append((f">= {at_least:g} {unit}", _known(value) and value >= at_least))
        if below is not None:
            name, figure = below
            goals.append((f"< {name}", _known(value, figure) and value < figure))
        self.rows.append(Row(what, value, unit, baseline, baseline_name, goals))

    def note(self, text):
        self.notes.append(text)

    def text(self):
        return "\n".join([self.title, *(self._table() if self.rows else ()),
                          *(f"  - {note}" for note in self.notes)])

    def _table(self):
        lines = [["", "measured", "baseline", "ratio", "figure to reach", "reached"]]
        for row in self.rows:
            baseline = ""
            if row.baseline is not None:
                baseline = f"{number(row.baseline)} {row.unit} {row.baseline_name}"
            lines.append([
                row.what,
                "not seen" if row.value is None else f"{number(row.value)} {row.unit}",
                baseline, "" if row.ratio is None else f"{row.ratio:.2f}x",
                "; ".join(text for text, _ in row.goals),
                {None: "", True: "yes", False: "NO"}[row.reached]])
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                for line in lines]

    def as_json(self):
        return {"title": self.title, "rows": [row.as_json() for row in self.rows],
                "notes": self.notes, "figures": self.figures}


def number(value):
    """Three significant digits, or all digits before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def median(values):
    return quantile(values, 0.5)


def quantile(values, q):
    """Nearest rank; None of nothing."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(q * len(ordered))) - 1] if ordered else None


def _known(*values):
    return all(value is not None for value in values)
