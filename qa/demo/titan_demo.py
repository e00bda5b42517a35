"""./titan demo: a whole store on this machine sells a trading day while things break, and at the
end it is proved from the input that no sale was lost and none counted twice.

Exit codes: 0 the proof holds, 1 it does not, 2 the demo could not run, 130 stopped.
"""

import argparse
import asyncio
import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from qa.demo import expectation, generated_day, importer, leftovers, proof  # noqa: E402
from qa.demo import afterwards, counter, day as day_module, report, retail_csv  # noqa: E402
from qa.demo import screen as screen_module  # noqa: E402
from qa.demo.selling import Cashiers, SellingFault  # noqa: E402
from qa.demo.shop import Shop  # noqa: E402
from qa.demo.story import Story  # noqa: E402
from qa.demo.watcher import Watcher  # noqa: E402
from qa.harness.lab import NETLAB, Lab, LabError, binaries, can_make_namespaces  # noqa: E402
from qa.harness.process import ProcessEnded  # noqa: E402
from qa.harness.waiting import wait_until  # noqa: E402

REAL_DAY = ROOT.parent / "shared" / "data" / "online-retail-day.csv"
TILLS_MIN, TILLS_MAX = 3, 10
PER_SECOND_DEFAULT, PER_SECOND_MAX = 6.0, 200.0
EXIT_PROVED, EXIT_NOT_PROVED, EXIT_CANNOT_RUN, EXIT_STOPPED = 0, 1, 2, 130


class CannotRun(Exception):
    """Something the demo needs is missing; the text says what and what to do."""


def read_arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="titan demo", description="A whole store on this machine: tills sell a trading day, "
        "their server is killed, the LAN and the line to the cloud are cut and mended; then "
        "everything is proved from the input.")
    parser.add_argument("--sales", metavar="FILE.csv", help="a day to sell, in the Online Retail "
                        "layout (.csv or .csv.gz); default: the real day if it is there, else a "
                        "generated one")
    parser.add_argument("--day", metavar="YYYY-MM-DD",
                        help="which day of the file (default: its busiest)")
    parser.add_argument("--tills", type=int, default=5,
                        help=f"{TILLS_MIN} to {TILLS_MAX}, default 5")
    parser.add_argument("--speed", type=float, default=PER_SECOND_DEFAULT, metavar="N",
                        help=f"receipts a second over all tills, default {PER_SECOND_DEFAULT:g}")
    parser.add_argument("--seed", type=int, default=1, help="of the generated day, default 1")
    parser.add_argument("--headless", action="store_true", help="no live table, one line per event")
    parser.add_argument("--json", metavar="FILE", help="write the result there as well")
    parser.add_argument("--stay", action="store_true",
                        help="after the proof the store stays open, for you to try things on; "
                        "Ctrl-C ends it")
    parser.add_argument("--keep", action="store_true",
                        help="keep logs and data folders, and say where")
    parser.add_argument("--no-namespaces", action="store_true",
                        help="run on loopback, without cuts, even where namespaces could be made")
    arguments = parser.parse_args(words)
    if not TILLS_MIN <= arguments.tills <= TILLS_MAX:
        parser.error(f"--tills must be {TILLS_MIN} to {TILLS_MAX}")
    if not 0.1 <= arguments.speed <= PER_SECOND_MAX:
        parser.error(f"--speed must be 0.1 to {PER_SECOND_MAX:g} receipts a second")
    return arguments


def read_sales(arguments):
    """The rows of one day."""
    if arguments.sales:
        sales = retail_csv.read_file(arguments.sales)
    elif REAL_DAY.exists():
        sales = retail_csv.read_file(REAL_DAY)
    else:
        sales = generated_day.generate(arguments.seed)
    days = sales.days()
    if arguments.day or len(days) > 1:
        wanted = sales.busiest_day()
        if arguments.day:
            matching = [day for day in days if day.isoformat() == arguments.day]
            if not matching:
                raise retail_csv.InputError(f"{sales.name} has no sales on {arguments.day}; it "
                                            f"goes from {min(days)} to {max(days)}.")
            wanted = matching[0]
        sales = sales.only(wanted)
    return sales


def check_programs():
    missing = [name for name in ("titan-pos", "titan-cloud")
               if not os.access(binaries() / name, os.X_OK)]
    if missing:
        raise CannotRun(f"{' and '.join(missing)} not found in {binaries()}. "
                        "Build first: ./titan build titan-pos titan-cloud")


async def run(arguments, result):
    """Returns the exit code; fills `result` with what --json writes, as far as the run came."""
    story = Story()
    screen = screen_module.Screen(story, arguments.headless)
    result["story"] = story
    check_programs()
    sales = read_sales(arguments)
    trading_day = importer.import_day(sales.rows, secrets.token_bytes(32))
    result["input"] = {"name": sales.name, "lines": len(sales.rows),
                       "products": len(trading_day.products),
                       "documents": importer.count_kinds(trading_day.documents),
                       "oddities": trading_day.oddities, "notes": sales.notes}
    if len(trading_day.documents) < 2 * len(day_module.PARTS):
        raise retail_csv.InputError(f"{sales.name} has {len(trading_day.documents)} receipts; the "
                                    f"demo needs at least {2 * len(day_module.PARTS)}.")
    isolated = can_make_namespaces() and not arguments.no_namespaces
    result["shown"] = {"namespaces": isolated, "mdns": isolated, "cuts": isolated}
    _introduce(screen, sales, trading_day, arguments, isolated)
    if isolated:
        subprocess.run([str(NETLAB), "sweep"], check=False, stdout=subprocess.DEVNULL)
    lab = Lab(isolated=isolated)
    try:
        checks = await _run_shop(arguments, lab, story, screen, sales, trading_day)
        result["checks"] = checks
        return EXIT_PROVED if report.holds(checks) else EXIT_NOT_PROVED
    finally:
        await screen.stop()
        await _close(lab, keep=arguments.keep, screen=screen)


def _introduce(screen, sales, trading_day, arguments, isolated):
    counts = importer.count_kinds(trading_day.documents)
    kinds = ", ".join(f"{count} {kind}s" for kind, count in counts.items())
    screen.text(screen.colour("bold", "Titan Mesh: a store's day"))
    screen.text(f"  input     {sales.name}: {len(sales.rows):,} lines, "
                f"{len(trading_day.products):,} products; {kinds}")
    for note in sales.notes:
        screen.text(f"            {note}")
    oddities = [f"{count:,} {words}" for words, count in trading_day.oddities.items()]
    for at, oddity in enumerate(oddities):
        screen.text(("            " if at else "  oddities  ") + oddity)
    place = "on loopback: without network namespaces nothing can be cut, and no mDNS"
    if isolated:
        place = "each in a network namespace of its own, with its own mDNS"
    screen.text(f"  store     {arguments.tills} tills and a cloud, {place}")
    screen.text()


async def _run_shop(arguments, lab, story, screen, sales, trading_day):
    shop = Shop(lab, arguments.tills, story)
    await shop.open()
    for name, address in shop.addresses.items():
        path = "/v1/status" if name != "cloud" else "/healthz"
        screen.text(f"            {name:<8} {address}{path}")
    await shop.import_products(trading_day.products)
    delivered = shop.morning_delivery(sales.rows)
    deliveries = await shop.receive(delivered)
    story.tell(f"the morning delivery is booked: {sum(delivered.values()):,} pieces of "
               f"{len(delivered):,} products")
    watcher = Watcher(shop)
    watcher.start()
    try:
        await wait_until(watcher.all_listening, 10, "every till's event stream is open")
        cashiers = Cashiers(shop, story)
        day = day_module.Day(shop, cashiers, watcher, story, trading_day.documents, arguments.speed)
        table = screen_module.ShopTable(shop, cashiers, watcher, day, trading_day.documents, screen)
        screen.start(table.lines)
        await day.run()
        besides = await counter.serve(shop, cashiers, trading_day.products, story)
        expected = expectation.expect(sales.rows, delivered)
        expected.sales_total += besides.sales_total
        expected.refunds_total += besides.refunds_total
        checks = await proof.Proof(shop, cashiers, watcher, expected, deliveries, story).run(
            [document.key for document in trading_day.documents] + besides.keys)
        day.headline = ""
    finally:
        await watcher.stop()
    await screen.stop(keep_table=True)
    report.add_latencies(story, cashiers.sold, watcher)
    story.figure("documents", len(cashiers.sold))
    story.figure("repeated_requests", cashiers.repeated)
    story.figure("repeats_answered_from_the_first", cashiers.repeats_known)
    _show(screen, story, checks, cashiers)
    await _afterwards(arguments, shop, lab, screen, trading_day.products)
    return checks


async def _afterwards(arguments, shop, lab, screen, products):
    example = afterwards.example_of(products)
    headline, *lines = (afterwards.stay_lines(shop, lab, example) if arguments.stay
                        else afterwards.next_lines(example))
    print("", screen.colour("bold", headline), *lines, sep="\n", flush=True)  # to copy: not wrapped
    if arguments.stay:
        await afterwards.until_told()
        print("\nclosing the store", flush=True)


def _show(screen, story, checks, cashiers):
    screen.text()
    screen.text(screen.colour("bold", "THE PROOF"))
    for mark, sentence in report.check_lines(checks, screen.colour):
        screen.text(sentence, mark, 4)
    screen.text(f"    {cashiers.repeated} requests were sent again with the same key; "
                f"{cashiers.repeats_known} of them had been recorded already, and count once")
    screen.text()
    screen.text(screen.colour("bold", "FIGURES"))
    for line in report.figure_lines(story):
        screen.text(line)
    samples = story.figures["propagation_samples"]
    missing = story.figures["propagation_events_missing"]
    screen.text(f"  (propagation: {samples:,} events, {missing} missing; measured from one Python "
                "process")
    screen.text("   that shares the machine with every till, PostgreSQL and cloud)")
    screen.text()
    verdict = report.verdict_text(checks, story.seconds())
    colour = "green" if report.holds(checks) else "red"
    screen.text(screen.colour("bold", screen.colour(colour, verdict)))


async def _close(lab, keep, screen):
    """Ends everything. A second Ctrl-C meanwhile does not leave anything behind."""
    closing = asyncio.ensure_future(lab.close())
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise
    finally:
        leftovers.sweep(lab)
        if keep:
            screen.text(f"logs and data: {lab.folder}")
        else:
            shutil.rmtree(lab.folder, ignore_errors=True)


async def _main(arguments, result):
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await run(arguments, result)


def main(words=None):
    arguments = read_arguments(words)
    os.umask(0o022)
    os.environ[leftovers.MARK] = str(os.getpid())
    result, fault, code = {}, "", EXIT_CANNOT_RUN
    try:
        code = asyncio.run(_main(arguments, result))
    except (KeyboardInterrupt, asyncio.CancelledError):
        code, fault = EXIT_STOPPED, "stopped"
        print("\nstopped; everything that was started has been ended", flush=True)
    except (CannotRun, retail_csv.InputError) as error:
        fault = str(error)
        print(f"titan demo: {error}", file=sys.stderr)
    except (SellingFault, ProcessEnded, AssertionError) as error:
        code, fault = EXIT_NOT_PROVED, str(error)
        print(f"\nNOT PROVED: {fault}", flush=True)
    except (LabError, RuntimeError, OSError) as error:
        fault = f"{type(error).__name__}: {error}"
        print(f"\ntitan demo could not run: {fault}", file=sys.stderr)
    if arguments.json and "story" in result:
        with contextlib.suppress(BrokenPipeError):
            report.write_json(arguments.json, report.as_json(
                result["story"], result.get("checks", []), result.get("input", {}),
                result.get("shown", {}), fault))
    return code


if __name__ == "__main__":
    sys.exit(main())
