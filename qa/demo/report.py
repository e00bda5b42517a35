"""The end of a run: figures, verdict, and the same as JSON."""

import json

from qa.demo.story import percentile

# name in the JSON -> (words, unit)
FIGURES = (
    ("found_each_other_s", "switched on, found each other, leader chosen", "s"),
    ("products_on_every_till_s", "all products on every till", "s"),
    ("answer_p50_ms", "a till answers a sale, half of them within", "ms"),
    ("answer_p99_ms", "                       99 % of them within", "ms"),
    ("propagation_p50_ms", "posted at one till, shown by another, half within", "ms"),
    ("propagation_p99_ms", "                                      99 % within", "ms"),
    ("failover_s", "leader killed, next one's uplink accepted by the cloud", "s"),
    ("restart_to_caught_up_s", "killed till restarted, has everything", "s"),
    ("heal_s", "LAN healed, every till has both sides' sales", "s"),
    ("heal_to_one_leader_s", "LAN healed, one leader", "s"),
    ("cloud_back_to_nothing_pending_s", "cloud reachable again, nothing pending", "s"),
)


def add_latencies(story, sold, watcher):
    """Propagation and answer times of what was sold while the tills could hear each other."""
    receipts = [one for one in sold if one.document.kind in ("sale", "refund") and not one.repeats]
    answers = [(one.answered - one.sent) * 1000 for one in receipts]
    taken, missing = watcher.propagation_ms(sold)
    for name, values in (("answer", answers), ("propagation", taken)):
        for share in (50, 99):
            value = percentile(values, share / 100)
            story.figure(f"{name}_p{share}_ms", None if value is None else round(value, 2))
    story.figure("propagation_samples", len(taken))
    story.figure("propagation_events_missing", missing)


def figure_lines(story):
    lines = []
    for name, words, unit in FIGURES:
        value = story.figures.get(name)
        shown = "not shown" if value is None else f"{value:,.2f} {unit}"
        lines.append(f"  {words:<58}{shown:>12}")
    return lines


def check_lines(checks, colour):
    """(mark, sentence) of each check."""
    for check in checks:
        mark = colour("green", "✓") if check.holds else colour("red", "✗")
        yield f"  {mark} ", f"{check.name}: {check.detail}"


def holds(checks):
    return bool(checks) and all(check.holds for check in checks)


def verdict_text(checks, seconds):
    if holds(checks):
        return f"PROVED in {seconds:.0f} s: no sale was lost, none counted twice."
    failed = [check.name for check in checks if not check.holds]
    return f"NOT PROVED after {seconds:.0f} s: {'; '.join(failed) or 'nothing was checked'}."


def as_json(story, checks, source, shown, fault=""):
    return {"verdict": "proved" if holds(checks) and not fault else "not proved", "fault": fault,
            "seconds": round(story.seconds(), 1), "input": source, "shown": shown,
            "figures": story.figures,
            "checks": [{"name": check.name, "holds": check.holds, "detail": check.detail}
                       for check in checks],
            "story": [{"seconds": round(line.seconds, 2), "text": line.text}
                      for line in story.lines]}


def write_json(path, content):
    with open(path, "w", encoding="utf-8") as out:
        json.dump(content, out, indent=1, ensure_ascii=False, default=str)
        out.write("\n")
