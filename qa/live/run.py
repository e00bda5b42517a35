"""./titan lab run FILE: plays a scenario on real processes and has it judged.

    sudo /usr/bin/python3 -m qa.live.run FILE [--seed N] [--json FILE] [--html FILE]

First the store opens: terminals, leader, catalogue, uplink. Then the scenario's time begins; what
it says is sold and broken. When it is over everything is healed, the store converges, and what is
on every disk is read. The history goes to `titan-sim judge`, whose verdict is the exit code: 0 all
checkers are content, 1 not, 2 the file is wrong or cannot run here.
"""

import argparse
import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

if __name__ == "__main__":  # started by path: the packages lie two folders up
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from qa.harness.lab import NETLAB, Lab, LabError, can_make_namespaces  # noqa: E402
from qa.harness.service import ApiError  # noqa: E402
from qa.live import scenario as scenarios, workload  # noqa: E402
from qa.live.faults import KINDS, Faults  # noqa: E402
from qa.live.history import EXECUTOR, History  # noqa: E402
from qa.live.observer import Observer, units  # noqa: E402
from qa.live.screen import Screens  # noqa: E402
from qa.live.shop import STORE, TENANT, Shop  # noqa: E402
from qa.live.standstill import StandStill  # noqa: E402

SETTLE_SECONDS_MAX = 30  # for requests that are still open when all is healed
CONVERGE_SECONDS_MAX = 60  # then what is there is judged as it is
PROGRESS_SECONDS = 5
FOLD_SECONDS = 8  # as often as the simulated cloud


class RunError(Exception):
    """The run could not be made; the text says why. Not a verdict on the product."""


def say(text):
    print(text, flush=True)


async def play(scenario, seed, folder=None, logs=None):
    """Runs it; (history, notes): what was observed, what could not be shown. `logs`: a folder for
    what the processes wrote."""
    notes = scenarios.not_shown(scenario, KINDS)
    history = History()
    history.tell("run_began", executor=EXECUTOR, sees_disks=False,
                 terminals=[terminal.name for terminal in scenario.topology.terminals])
    requests = workload.draw(scenario, seed)
    skus = workload.articles(scenario, requests)
    async with Lab(folder=folder) as lab:
        try:
            shop = Shop(lab, scenario, history, seed)
            say(f"opening a store of {len(scenario.topology.terminals)} terminals"
                f"{' and a cloud' if scenarios.has_cloud(scenario) else ''}")
            await shop.open(skus)
            screens = Screens(history, shop.terminals)
            await _open_stock(shop, screens, skus)
            await _play(shop, scenario, seed, requests, screens, skus)
            say("reading every disk, the store database and the cloud")
            await _read_all(shop, history, skus)
            history.tell("run_ended")
        except (AssertionError, LabError, OSError) as error:
            raise RunError(f"{error}{_logs(lab)}") from error
        finally:
            if logs:
                keep_logs(lab.folder, pathlib.Path(logs))
            lab.remove_folder()
    return history, notes + shop.notes


async def _open_stock(shop, screens, skus):
    try:
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            for request in workload.opening(skus, shop.first_running().number):
                await screens.send_now(request)
    except TimeoutError:
        raise AssertionError(f"the opening stock was not recorded within {SETTLE_SECONDS_MAX} s; "
                             f"the last answer: {screens.last_answer}") from None
    await shop.until(shop.is_equal, SETTLE_SECONDS_MAX, "all terminals have the opening stock")
    await shop.tell_stored()


async def _play(shop, scenario, seed, requests, screens, skus):
    history = shop.history
    observer = Observer(history, shop, STORE, TENANT, skus, seed)
    faults = Faults(shop, history, scenario.faults)
    history.begin()
    observer.begin()
    faults.begin()
    say(f"selling for {scenario.lasts_us / 1e6:g} s: {len(requests)} requests, "
        f"{len(scenario.faults)} faults")
    selling = asyncio.create_task(screens.open(requests))
    later = [asyncio.create_task(_start_later(shop, history, terminal))
             for terminal in shop.terminals if terminal.specification.starts_at_us]
    progress = asyncio.create_task(_show_progress(history, screens))
    folds = asyncio.create_task(_fold_now_and_then(shop))
    still = StandStill(history)
    await asyncio.sleep(scenario.lasts_us / 1e6)
    selling.cancel()
    await faults.end()
    folds.cancel()  # else one may come between the last look at the tills and their disks
    await asyncio.gather(*later)
    history.tell("all_healed")
    say("all is healed; waiting until all agree")
    unanswered = await screens.settle(SETTLE_SECONDS_MAX)
    if unanswered:
        shop.notes.append(f"{unanswered} requests were still open {SETTLE_SECONDS_MAX} s after all "
                          "was healed")
    try:
        await shop.until(shop.is_settled, CONVERGE_SECONDS_MAX, "all agree")
    except AssertionError as error:
        shop.notes.append(str(error))  # the checkers say what it means
    await asyncio.sleep(3 * observer.pause)  # the last states are in the history
    progress.cancel()
    await observer.end()
    shop.notes += still.end() + observer.notes() + faults.notes()
    _raise_own([*faults.failures, *screens.failures])
    say("  " + ", ".join(f"{count} x {what}" for what, count in sorted(screens.counts.items())))


def _raise_own(failures):
    for failure in failures:
        raise RunError(f"the lab itself failed: {type(failure).__name__}: {failure}") from failure


async def _start_later(shop, history, terminal):
    await asyncio.sleep(max(0, terminal.specification.starts_at_us - history.now_us()) / 1e6)
    await terminal.start()
    history.tell("switched_on", terminal=terminal.number, reaches=shop.reachability())


async def _fold_now_and_then(shop):
    """As the cloud does every night: tills hold it against what they have, and say if it differs."""
    while shop.cloud:
        await asyncio.sleep(FOLD_SECONDS)
        try:
            await shop.cloud.api("POST", f"/v1/tenants/{TENANT}/stores/{STORE}/fold", seconds=5)
        except (OSError, ApiError):
            pass  # it is away, which the scenario wants


async def _show_progress(history, screens):
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        answered = sum(count for what, count in screens.counts.items() if what.endswith("recorded"))
        say(f"  {history.now_us() / 1e6:5.0f} s  {answered} recorded")


async def _read_all(shop, history, skus):
    """What each terminal shows and has stored, the store database, the cloud."""
    await shop.tell_stored()
    for terminal in shop.terminals:
        held = [entry.held() for entry in terminal.entries_on_disk()]
        history.tell("journal_listed", terminal=terminal.number, held=held)
        if not terminal.running:
            continue
        shown = await shop.reading(terminal.till.stock(), f"stock of {terminal.name}")
        for sku in skus if shown is not None else ():
            history.tell("stock_read", terminal=terminal.number, product=sku, is_final=True,
                         on_hand=units(shown.get(sku, "0")))
    await shop.tell_store_database()
    await shop.tell_dead_addresses_dialled()


def _logs(lab):
    """The last lines of what ended by itself."""
    return "".join(f"\n--- {process.name} ended with {process.exit_code}:\n{process.log_tail(5)}"
                   for process in lab.processes
                   if process.exit_code not in (None, 0, -signal.SIGKILL, -signal.SIGTERM))


# --- the command ---

def judge(path, history_path, arguments):
    """The exit code of titan-sim judge, which prints the summary."""
    command = [scenarios.program(), "judge", path, history_path]
    for option in ("json", "html"):
        if getattr(arguments, option):
            command += [f"--{option}", getattr(arguments, option)]
    return subprocess.run(command).returncode


def keep_logs(folder, target):
    target.mkdir(parents=True, exist_ok=True)
    for log in sorted(folder.glob("*.log")):
        shutil.copy(log, target)


def give_to_caller(*files):
    """What was written with the rights of root belongs to whoever used sudo."""
    owner = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    for name in files:
        if name and all(owner) and os.path.exists(name):
            os.chown(name, *map(int, owner))


def run(arguments):
    scenario = scenarios.read(arguments.file)
    seed = scenario.seed if arguments.seed is None else arguments.seed

    async def with_signals():
        task = asyncio.current_task()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await play(scenario, seed, logs=arguments.logs)
    say(f"{scenario.name}: {scenario.purpose}")
    subprocess.run([NETLAB, "sweep"], check=True)  # labs of runs that were killed
    history, notes = asyncio.run(with_signals())
    target = pathlib.Path(arguments.history or f"{scenario.name}.history.jsonl")
    history.write(target, scenario.name, seed)
    code = judge(arguments.file, target, arguments)
    for note in notes:
        say(f"note: {note}")
    if arguments.json and notes and code in (0, 1):
        report = pathlib.Path(arguments.json)
        report.write_text(json.dumps({**json.loads(report.read_text()), "notes": notes}) + "\n")
    give_to_caller(arguments.json, arguments.html, arguments.history, arguments.logs,
                   *(pathlib.Path(arguments.logs).glob("*.log") if arguments.logs else ()))
    if arguments.history or code not in (0, 1):
        say(f"history: {target}")
    else:
        target.unlink()
    return code


def lacks_rights(command):
    """Says so where this process may make no network namespaces."""
    if can_make_namespaces():
        return False
    print(f"titan lab {command}: network namespaces take the rights of root; "
          f"try: sudo ./titan lab {command}", file=sys.stderr)
    return True


def main():
    parser = argparse.ArgumentParser(prog="titan lab run", description=__doc__.splitlines()[0])
    parser.add_argument("file", help="a scenario, e.g. simulations/scenarios/….toml")
    parser.add_argument("--seed", type=int, help="of what is sold; default: the scenario's")
    parser.add_argument("--json", help="write the report to this file")
    parser.add_argument("--html", help="write the page to this file")
    parser.add_argument("--history", help="keep the history, for titan-sim judge")
    parser.add_argument("--logs", help="keep what the processes logged, in this folder")
    arguments = parser.parse_args()
    if lacks_rights("run"):
        return 2
    os.umask(0o022)
    try:
        return run(arguments)
    except (scenarios.ScenarioError, RunError) as error:
        print(f"titan lab run: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped; everything started was ended", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
