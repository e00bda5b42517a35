"""How fast a sale is durable, and how fast everybody has it."""

import asyncio
import contextlib

from qa.bench.report import Report, median
from qa.bench.shared import entry_bytes, metric, open_shop, program
from qa.harness.postgres import Postgres

TILLS = 10
HUB_HOST = 11
QUEUES = ("titan_storage_queue", "titan_send_queue", "titan_frames_dropped_total",
          "titan_subscribers_cut_off_total")
QUEUES_ASKED_EVERY = 0.25  # s; asking costs the tills processor time, too


async def _hub_database(lab):
    postgres = Postgres(lab.folder / "hub" / "pg", "hub-postgres", lab.processes)
    await postgres.start()
    await postgres.create_database("hub")
    return postgres.url("hub")


def _where(lab):
    return ["--lab", lab.prefix, "--tills", f"1-{TILLS}", "--folder", lab.folder]


@contextlib.asynccontextmanager
async def _shop_and_hub(context):
    """(lab, its store of TILLS tills, what propagation_bench needs to know of them and the hub)."""
    async with context.lab(HUB_HOST) as lab:
        store = await open_shop(lab, range(1, TILLS + 1))
        yield lab, store, [*_where(lab), "--hub-host", HUB_HOST,
                           "--postgres", await _hub_database(lab),
                           "--entry-bytes", await entry_bytes(store.tills[0])]


def _size(context, rounds, sales):
    """How much is measured; each a pair, the first when it is to be quick."""
    return ["--rounds", rounds[not context.quick], "--sales", sales[not context.quick]]


def _calm(report, told):
    """False alarms under load."""
    report.row("tills reported dead, leaders changed, alarms meanwhile",
               told["dead"] + told["leader"] + told["alarm"], "events", at_most=0)


async def propagation(context):
    report = Report("propagation", "Propagation: a sale of 5 lines posted to one till until the "
                    "API of the 9 others told of it, 50/s, 10 hosts")
    async with _shop_and_hub(context) as (_, store, arguments):
        arguments += _size(context, (2, 6), (150, 500))
        found = await program("propagation_bench", *arguments)
        for till in store.tills:
            await till.stop()
        quiet = await program("propagation_bench", *arguments, "--raw-only")
    till, raw, hub = found["till"], found["raw"], found["hub"]
    report.figures = {**found, "raw_quiet": quiet["raw"]}
    for q, ratio in (("p50", 1.5), ("p99", 2)):
        figure = f"{q}_ms"
        report.row(f"until the last of the 9 told, {q}", till["last"][figure],
                   baseline=raw["last"][figure], baseline_name="raw", ratio_max=ratio,
                   below=("hub", hub["last"][figure]))
    for q in ("p50", "p99"):
        figure = f"{q}_ms"
        report.row(f"the same against the hub design, {q}", till["last"][figure],
                   baseline=hub["last"][figure], baseline_name="hub")
    for q in ("p50", "p99"):
        figure = f"{q}_ms"
        report.row(f"each of the 9, {q}", till["each"][figure], baseline=raw["each"][figure],
                   baseline_name="raw")
    for q in ("p50", "p99"):
        figure = f"{q}_ms"
        report.row(f"raw beside idle tills, {q}", raw["last"][figure],
                   baseline=quiet["raw"]["last"][figure], baseline_name="raw, no tills running")
    report.row("durable and answered to the till screen, p50", till["answer"]["p50_ms"])
    report.row("durable and answered to the till screen, p99", till["answer"]["p99_ms"])
    report.row("events that never came", till["missing"], "events", at_most=0)
    _calm(report, found["told"])
    report.note("p50 of the last, round by round: " + ", ".join(
        f"{name} {_list(found[name]['last_p50_ms_by_round'])}" for name in ("till", "raw", "hub")))
    return report


async def node(context):
    report = Report("node", "Node to node: the same without HTTP: an entry appended in one process "
                    "until 9 others checked it, 50/s, 10 hosts")
    async with context.lab(TILLS) as lab:
        found = await program("node_to_node_bench", *_where(lab),
                              *_size(context, (2, 6), (150, 500)))
    report.figures = found
    ours, raw = found["node"], found["raw"]
    report.row("until the last of the 9, p50", ours["last"]["p50_ms"],
               baseline=raw["last"]["p50_ms"], baseline_name="raw", ratio_max=1.2)
    report.row("until the last of the 9, p99", ours["last"]["p99_ms"],
               baseline=raw["last"]["p99_ms"], baseline_name="raw")
    for q in ("p50", "p99"):
        report.row(f"each of the 9, {q}", ours["each"][f"{q}_ms"],
                   baseline=raw["each"][f"{q}_ms"], baseline_name="raw")
    report.row("entries that never came", ours["missing"], "entries", at_most=0)
    report.note(f"an entry has {found['entry_bytes']} bytes; both commit and send as many")
    return report


class _QueueWatch:
    """The longest queues seen while it is open."""

    def __init__(self, tills):
        self._tills = tills
        self._task = None
        self.longest = dict.fromkeys(QUEUES, 0.0)

    async def __aenter__(self):
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self):
        while True:
            for row in await asyncio.gather(*(metric(till, *QUEUES) for till in self._tills)):
                for name, value in zip(QUEUES, row):
                    self.longest[name] = max(self.longest[name], value)
            await asyncio.sleep(QUEUES_ASKED_EVERY)


async def flat_out(context):
    connections = (8, 16, 32)
    report = Report("flatout", "Flat out: one till sells as fast as it goes until the API of the 9 "
                    "others told of every sale")
    size = _size(context, (1, 3), (1000, 5000))
    async with _shop_and_hub(context) as (lab, store, arguments):
        # Two tills stand for all: the one that sells and one that receives.
        async with _QueueWatch([store.tills[0], store.tills[-1]]) as queues:
            found = await program("propagation_bench", *arguments, *size, "--flat-out",
                                  "--connections", ",".join(map(str, connections)))
        await store.wait_until_equal(seconds=30)
        for till in store.tills:
            await till.kill()
        bare = await program("node_to_node_bench", *_where(lab), "--rate", 0,
                             "--outstanding", 16, *size)
    report.figures = {**found, "node_to_node": bare, "longest_queues": queues.longest}
    raw_rate = median(found["raw"]["per_second_by_round"])
    hub_rate = median(found["hub"]["per_second_by_round"])
    for count in connections:
        ours = found[f"till {count}"]
        report.row(f"{count} sales under way: sales a second", median(ours["per_second_by_round"]),
                   "/s", baseline=raw_rate, baseline_name="raw", at_least=2500)
        report.row(f"{count} sales under way: p99 until the last of the 9", ours["last"]["p99_ms"],
                   baseline=found["raw"]["last"]["p99_ms"], baseline_name="raw", at_most=20)
        report.row(f"{count} sales under way: p99 of the answer", ours["answer"]["p99_ms"])
        report.row(f"{count} sales under way: events that never came", ours["missing"], "events",
                   at_most=0)
    report.row("hub, 8 sales under way: sales a second", hub_rate, "/s", baseline=raw_rate,
               baseline_name="raw")
    report.row("hub, 8 sales under way: p99 until the last of the 9",
               found["hub"]["last"]["p99_ms"], baseline=found["raw"]["last"]["p99_ms"],
               baseline_name="raw")
    ours = bare["node"]
    report.row("node to node, without the API, 16 under way: entries a second",
               median(ours["per_second_by_round"]), "/s",
               baseline=median(bare["raw"]["per_second_by_round"]), baseline_name="raw")
    report.row("node to node, without the API, 16 under way: p99", ours["last"]["p99_ms"],
               baseline=bare["raw"]["last"]["p99_ms"], baseline_name="raw")
    _calm(report, found["told"])
    report.note(f"each sale makes 6 events on each of {TILLS - 1} event streams; node to node "
                "there are none")
    report.note("longest queues seen at the selling and one receiving till: "
                + ", ".join(f"{name.removeprefix('titan_')} {value:g}"
                            for name, value in queues.longest.items()))
    return report


async def commit(context):
    report = Report("commit", "A durable sale of 5 lines through the local API, beside a bare "
                    "SQLite FULL commit of the same bytes, in turn")
    async with context.lab(1) as lab:
        store = await open_shop(lab, [1])
        found = await program("sale_commit_bench", "--lab", lab.prefix, "--till", 1,
                              "--folder", lab.folder, "--entry-bytes",
                              await entry_bytes(store.tills[0]),
                              "--sales", 300 if context.quick else 3000)
    report.figures = found
    report.row("sale, p50", found["till"]["p50_ms"], baseline=found["bare"]["p50_ms"],
               baseline_name="bare SQLite")
    report.row("sale, p99", found["till"]["p99_ms"], baseline=found["bare"]["p99_ms"],
               baseline_name="bare SQLite", ratio_max=2)
    report.row("a GET /healthz in between, p50", found["http"]["p50_ms"])
    report.row("a GET /healthz in between, p99", found["http"]["p99_ms"])
    report.note("the GET shows what HTTP and two wake-ups cost on this machine without any sale")
    return report


def _list(values):
    return " ".join(f"{value:.2f}" for value in values)
