"""The parts of qa/live that need no process."""

import asyncio
import collections
import json
import socket
import types

from qa.live import balancer, workload
from qa.live.faults import Faults
from qa.live.history import History
from qa.live.inventory import Entry
from qa.live.observer import units
from qa.live.scenario import ScenarioError, not_playable, not_shown
from qa.live.screen import request_hash, void_claim
from qa.live.wires import Wires, netem


def record(**fields):
    return types.SimpleNamespace(**fields)


def quality(**other):
    return record(**{**dict(delay_min_us=100, delay_max_us=900, loss=[0, 100],
                            duplication=[0, 100], reordering=[0, 100],
                            bytes_per_second=12_500_000), **other})


def terminal(name, switch=""):
    return record(name=name, switch=switch, line=None, next_version=False, starts_at_us=0)


def scenario(terminals=3, faults=(), **other):
    sold = dict(products=20, sales_per_second=[10, 1], choice="skewed", lines_max=4,
                refunds=[10, 100], voids=[10, 100], deliveries=[10, 100], repeats=[10, 100],
                day_file="", day_speed=60, stops_at_us=None)
    topology = record(terminals=[terminal(f"till-{n + 1}") for n in range(terminals)], switches=[],
                      cloud_switch="", gateways=1)
    return record(**{**dict(name="some", lasts_us=60_000_000, topology=topology, faults=list(faults),
                            workload=record(**{**sold, **other}), planted_bug="none", probes=[])})


async def test_the_same_seed_gives_the_same_requests_and_another_seed_others():
    first, second = workload.draw(scenario(), 7), workload.draw(scenario(), 7)
    assert first == second and first != workload.draw(scenario(), 8)
    assert 450 < len(first) < 750, len(first)  # 10 a second for a minute
    assert {request.kind for request in first} == {"sale", "refund", "void", "delivery"}
    assert any(request.is_repeated for request in first)
    assert [request.at_us for request in first] == sorted(request.at_us for request in first)
    undone = [request.sale for request in first if request.sale is not None]
    assert len(undone) == len(set(undone)), "a sale is undone twice: that is an alarm"
    for request in first:
        if request.sale is not None:
            assert first[request.sale].kind == "sale" and first[request.sale].at_us < request.at_us
            assert first[request.sale].terminal == request.terminal


async def test_an_old_key_comes_with_another_basket_at_its_own_terminal():
    drawn = workload.draw(scenario(reused_keys=[20, 100]), 3)
    again = [one for one in drawn if one.key_of is not None]
    assert len(again) > 40, len(again)
    for one in again:
        first = drawn[one.key_of]
        assert first.key == one.key and first.terminal == one.terminal and first.key_of is None
        assert first.at_us <= one.at_us and one.kind == "sale"
    plain = [one.at_us for one in workload.draw(scenario(), 3)]
    assert [one.at_us for one in drawn if one.key_of is None] == plain


async def test_a_trading_day_is_sold_in_its_order_and_what_was_brought_back_is_a_refund(lab):
    day = lab.folder / "day.csv"
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate\n"
    day.write_text(head + "2,B,x,1,2011-10-06 09:29\n1,A,x,3,2011-10-06 08:30:00\n"
                   "1,B,x,2,2011-10-06 08:30:00\n3,A,x,-1,2011-10-06 08:40\n"
                   "4,A,x,1,2011-10-06 18:00\n")
    sold = scenario(day_file=str(day), day_speed=60, repeats=[100, 100])
    drawn = workload.draw(sold, 1)
    assert [(one.kind, one.lines) for one in drawn] == [
        ("sale", (("A", 3), ("B", 2))), ("refund", (("A", 1),)), ("sale", (("B", 1),))], drawn
    assert drawn[0].at_us < 1_000_000 and 60e6 > drawn[2].at_us >= 59e6, drawn
    assert all(one.is_repeated for one in drawn)
    assert workload.articles(sold, drawn) == ["A", "B"]
    day.write_text(head + "1,A,x,3,yesterday\n")
    try:
        workload.draw(sold, 1)
    except ScenarioError as error:
        assert f"{day}:2:" in str(error), error
    else:
        raise AssertionError("a line without a time was taken")


async def test_a_workload_ends_when_it_says_and_keeps_to_its_choice():
    drawn = workload.draw(scenario(stops_at_us=5_000_000, choice="same-product"), 1)
    assert drawn and drawn[-1].at_us < 5_000_000
    sold = {sku for request in drawn if request.kind == "sale" for sku, _ in request.lines}
    assert sold == {"p00000"}, sold
    assert workload.draw(scenario(sales_per_second=[0, 1]), 1) == []


async def test_faults_of_the_network_overlap_and_each_takes_back_only_its_own():
    wires = Wires(None, scenario(4).topology, has_cloud=True)
    everybody = set(wires.places)
    whole = wires.reachability(everybody)
    assert whole[0] == [0, 1, 2, 3, 4] and len(whole) == 5
    ways = wires.both_ways([0, 1], [2, 3])
    wires.close(ways)
    wires.close([(0, 2)])
    wires.close(ways, -1)
    assert wires.reachability(everybody)[0] == [0, 1, 3, 4], "one way is still closed"
    wires.close([(0, 2)], -1)
    assert wires.reachability(everybody) == whole
    assert wires.reachability(everybody - {1})[1] == [], "who does not run reaches nobody"


async def test_without_a_cloud_its_place_reaches_nobody():
    wires = Wires(None, scenario(2).topology, has_cloud=False)
    assert wires.reachability({0, 1}) == [[0, 1], [0, 1], []]


async def test_a_switch_that_is_down_cuts_what_hangs_behind_it():
    topology = record(
        terminals=[terminal("a", "front"), terminal("b", "back"), terminal("c", "far")],
        switches=[record(name="front", uplink="", passes_multicast=True),
                  record(name="back", uplink="front", passes_multicast=True),
                  record(name="far", uplink="back", passes_multicast=True)], cloud_switch="")
    wires = Wires(None, topology, has_cloud=False)
    wires.switch_down("back")
    assert wires.reachability({0, 1, 2}) == [[0], [1], [2], []]
    wires.switch_down("back", -1)
    wires.switch_down("far")
    assert wires.reachability({0, 1, 2}) == [[0, 1], [0, 1], [2], []]


async def test_lines_one_after_the_other_add_their_delays_and_keep_the_slowest_rate():
    made = netem([quality(loss=[10, 100], bytes_per_second=125_000), quality(loss=[10, 100])])
    assert made["delay"] == 1.0 and abs(made["jitter"] - 0.8) < 1e-9
    assert made["loss"] == 19.0 and made["rate"] == 1000, made


async def test_a_request_is_hashed_as_the_terminal_does_it():
    body = {"lines": [{"quantity": "2", "sku": "é"}], "idempotency_key": "k", "cashier": None}
    same = {"idempotency_key": "k", "lines": [{"sku": "é", "quantity": "2"}]}
    assert request_hash("sale", body) == request_hash("sale", same)
    assert request_hash("sale", body) != request_hash("refund", body)
    assert len(void_claim(17)) == 64 and void_claim(17) != void_claim(18)


async def test_quantities_of_the_api_become_millionths():
    assert units("-1.5") == -1_500_000 and units("0.000001") == 1 and units("12") == 12_000_000


async def test_a_history_is_written_in_the_order_of_time_and_an_entry_whole_only_once(lab):
    history = History()
    history.begin()
    envelope = b"\x0a\x10" + bytes(16) + b"\x10\x01" + b"\x20\x01" + b"\x2a\x10" + b"\x01" * 16
    entry = Entry("00" * 16, 1, "ab" * 32, b"\x0a" + bytes([len(envelope)]) + envelope)
    history.tell("entry_stored", 500, terminal=1, entry=entry)
    history.tell("entry_stored", 200, terminal=0, entry=entry)
    history.tell("all_healed", 300)
    history.write(lab.folder / "history.jsonl", "some", 7)
    head, *lines = map(json.loads, (lab.folder / "history.jsonl").read_text().splitlines())
    assert head == {"format": "titan-history", "version": 1, "scenario": "some", "seed": 7}
    assert [line["at"] for line in lines] == [200, 300, 500]
    assert lines[0]["entry"]["kind"] == 1 and lines[0]["entry"]["device"] == "01" * 16
    assert lines[2]["entry"] == "ab" * 32


async def test_a_fault_begins_before_its_first_effect_is_seen(lab):
    history = History()
    history.begin()

    class Leaving:
        """A terminal that hands over when it is asked to end, and needs a while to end."""
        number, name = 0, "till-1"

        async def leave(self):
            history.tell("leader_reported", terminal=1, is_self=True)
            await asyncio.sleep(0.01)
            history.tell("process_ended", terminal=0)

    async def resolve(_names, _taken=()):
        return [0]
    shop = record(terminals=[Leaving()], down=collections.Counter(), resolve=resolve,
                  reachability=lambda: [[], [1]], wires=record(cloud=None), deaf={})
    faults = Faults(shop, history, [record(kind="leave", at_us=0, lasts_us=None, targets=["leader"])])
    faults.begin()
    while not history.of("fault_began"):
        await asyncio.sleep(0.01)
    await faults.end()
    assert not faults.failures, faults.failures
    target = lab.folder / "history.jsonl"
    history.write(target, "some", 1)
    told = [json.loads(line).get("what") for line in target.read_text().splitlines()]
    assert told[1:4] == ["fault_began", "leader_reported", "process_ended"], told


async def test_a_balancer_gives_connections_in_turn_and_closes_both_sides():
    async def gateway(name):
        async def on_client(_reader, writer):
            writer.write(name)
            writer.close()
        return await asyncio.start_server(on_client, "127.0.0.1", 0)
    first, second = await gateway(b"first"), await gateway(b"second")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    balancing = asyncio.create_task(balancer.main(
        port, [server.sockets[0].getsockname()[1] for server in (first, second)]))

    async def said():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return None  # it does not listen yet
        try:
            return await reader.read()  # to the end: the far side has closed
        finally:
            writer.close()
    try:
        while (heard := [await said()]) == [None]:
            await asyncio.sleep(0.01)
        heard += [await said() for _ in range(3)]
        assert heard == [b"first", b"second", b"first", b"second"], heard
    finally:
        balancing.cancel()
        first.close()
        second.close()


async def test_more_terminals_than_the_machine_has_time_for_are_refused():
    large = scenario(terminals=33)
    assert "33 terminals need 3 processor cores" in not_playable(large, [], cores=2)
    assert not_playable(large, [], cores=3) is None and not_playable(scenario(), [], 1) is None


async def test_a_store_that_nobody_opens_is_not_played():
    late = scenario(terminals=2)
    late.topology.terminals[0].starts_at_us = 1_000_000
    assert not_playable(late, []) is None
    late.topology.terminals[1].starts_at_us = 2_000_000
    assert "no terminal runs at the beginning" in not_playable(late, [])


async def test_what_cannot_be_shown_is_said_by_name():
    crash, clone = record(kind="crash"), record(kind="clone")
    said = not_shown(scenario(faults=[crash, clone]), ["crash"])
    assert len(said) == 1 and "'clone'" in said[0], said
    for wrong in (scenario(faults=[clone]),
                  record(**{**vars(scenario()), "planted_bug": "lost_commit"})):
        try:
            not_shown(wrong, ["crash"])
        except ScenarioError as error:
            assert "titan sim run" in str(error)
        else:
            raise AssertionError("real processes cannot show this")
