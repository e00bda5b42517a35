"""Till and Store against a stand-in for titan-pos, so that a fault shown later is the product's."""

import contextlib
import os
import pathlib
import tomllib

from qa.harness.lab import Lab, LabError
from qa.harness.process import ProcessEnded
from qa.harness.service import ApiError, toml
from qa.harness.store import Store

STAND_IN = pathlib.Path(__file__).parent / "stand_in_titan_pos.py"


@contextlib.contextmanager
def stand_in(lab):
    folder = lab.folder / "bin"
    folder.mkdir()
    (folder / "titan-pos").symlink_to(STAND_IN)
    before = os.environ.get("TITAN_BIN")
    os.environ["TITAN_BIN"] = str(folder)
    try:
        yield folder
    finally:
        del os.environ["TITAN_BIN"]
        if before is not None:
            os.environ["TITAN_BIN"] = before


async def test_toml_is_read_back_as_it_was():
    settings = {"store": {"tenant": "acme \"x\" \\ £ \n", "low": 5, "may": True, "none": []},
                "mesh": {"seeds": ["10.77.0.1:7411", "b"]}, "tenants": [{"name": "a"}, {"name": "b"}]}
    assert tomllib.loads(toml(settings)) == settings


async def test_till_sells_pages_and_tells_events(lab):
    await lab.create(1)
    with stand_in(lab):
        (till,) = await Store(lab).open([1])
        async with till.events() as events:
            await till.sell("a", ("b", 3), {"sku": "c", "quantity": "2", "charged_unit_price": "1.50"})
            await events.wait_for(lambda event: event.get("sku") == "c", 2, "stock of c")
            assert [event["sku"] for event in events.of("stock")] == ["a", "b", "c"]
        assert await till.stock() == {"a": "-1", "b": "-3", "c": "-2"}
        again = [await till.sell("a", key="same") for _ in range(2)]
        assert again[0] == again[1] and (await till.stock())["a"] == "-2"
        try:
            await till.sell()
            raise RuntimeError("a sale without lines was accepted")
        except ApiError as error:
            assert (error.status, error.code, error.field) == (400, "invalid", "lines"), error
        assert await till.stop() < 2


async def test_store_waits_for_members_and_leader(lab):
    await lab.create(3)
    with stand_in(lab):
        store = Store(lab)
        await store.open([1, 2, 3])
        await store.wait_for_members()
        assert (await store.wait_for_leader()).name == "till-1"
        await store.wait_until_equal()
        await store.tills[0].kill()
        try:
            await store.wait_for_leader(seconds=0.3)
            raise RuntimeError("a killed leader counted as one")
        except AssertionError as error:
            assert "till-2: role follower, leader till-1" in str(error), error


async def test_a_till_that_ends_is_reported_at_once(lab):
    await lab.create(1)
    with stand_in(lab) as folder:
        (folder / "titan-pos").unlink()
        (folder / "titan-pos").write_text("#!/bin/sh\necho 'the port 8410 is taken' >&2\nexit 1\n")
        (folder / "titan-pos").chmod(0o755)
        try:
            await Store(lab).open([1])
            raise RuntimeError("a till that ended counted as started")
        except ProcessEnded as error:
            assert "code 1" in str(error) and "8410 is taken" in str(error), error


async def test_tills_on_loopback_without_namespaces():
    lab = Lab(isolated=False)
    try:
        await lab.create(2)
        with stand_in(lab):
            one, two = await Store(lab).open([1, 2])
            await one.sell("a")
            assert (await one.stock(), await two.stock()) == ({"a": "-1"}, {})
            try:
                await lab.partition([1], [2])
                raise RuntimeError("loopback was cut")
            except LabError as error:
                assert "namespaces" in str(error), error
    finally:
        await lab.close()
        lab.remove_folder()
