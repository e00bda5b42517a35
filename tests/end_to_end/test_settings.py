"""Settings: a store's file beside the till's own, and what a running till takes without a restart."""

import re
import signal

from qa.harness.lab import binaries
from qa.harness.runner import shared
from qa.harness.service import toml
from qa.harness.waiting import wait_until
from shop import Shop, nothing_to_reset


@shared()
async def shop(lab):
    shop = await Shop.open(lab, 1, spare_hosts=1)
    shop.reset = nothing_to_reset
    yield shop


async def command(shop, *words):
    return await shop.lab.run(1, binaries() / "titan-pos", *words)


def config_file(till):
    return till.folder / "titan-pos.toml"


async def changed(shop, **sections):
    """Writes other settings into the till's file and lets it read them: (exit code, output, errors)."""
    (till,) = shop.tills
    for section, keys in sections.items():
        till.settings.setdefault(section, {}).update(keys)
    till.write_config()
    return await command(shop, "reload", "--config", config_file(till))


async def test_a_running_till_takes_what_it_can_and_says_what_takes_a_restart(shop):
    (till,) = shop.tills
    await shop.book.sell(till, "p01")
    before = await till.status()
    code, output, errors = await changed(shop, store={"low_stock": 7, "day_ends": "04:00"},
                                         log={"level": "info"}, terminal={"priority": 3})
    assert code == 0, errors
    assert re.search(r"in force: store\.day_ends, store\.low_stock, log\.level\n", output), output
    assert "takes a restart (systemctl restart titan-pos): terminal.priority" in output, output
    after = await till.status()
    assert after["process"] == before["process"], "the till was started anew"
    assert after["restart_needed_for"] == ["terminal.priority"], after
    assert "needed for changed settings: terminal.priority" in (
        await command(shop, "status", "--api", f"127.0.0.1:{till.api_port}"))[1]
    # In force: eight pieces are plenty, seven are few.
    for pieces, state in (("8", "in_stock"), ("-1", "low")):
        await till.api("POST", "/v1/adjustments", {
            "lines": [{"sku": "few", "quantity": pieces}], "reason": "count",
            "idempotency_key": f"few{pieces}"})
        assert (await till.api("GET", "/v1/stock/few"))["state"] == state
    assert (await command(shop, "reload", "--config", config_file(till)))[1].startswith("takes a restart")
    await shop.book.sell(till, "p01")


async def test_a_broken_file_changes_nothing_and_everything_wrong_with_it_is_told(shop):
    (till,) = shop.tills
    await changed(shop, store={"low_stock": 7})
    broken = config_file(till).read_text() + "\n[tax]\nrounding = \"up\"\n[mesch]\n"
    config_file(till).write_text(broken.replace("low_stock = 7", "low_stock = 9"))
    # The command reads the file as well, to know where the till answers.
    code, output, errors = await command(shop, "reload", "--config", config_file(till))
    assert code == 2 and "tax.rounding" in errors and "mesch" in errors, errors
    response = await till.http.request("POST", "/v1/reload", json={})
    assert response.status == 400, response
    message = response.json()["error"]["message"]
    assert "tax.rounding" in message and "mesch" in message and "runs on with the one before" in message
    # A hang-up signal is the same and never the end.
    process = (await till.status())["process"]
    till.process.signal(signal.SIGHUP)

    async def told():
        return "The configuration was not taken" in till.process.log_text()
    await wait_until(told, 5, "the signal's outcome is in the log")
    assert (await till.status())["process"] == process
    till.write_config()
    assert (await command(shop, "reload", "--config", config_file(till)))[0] == 0


async def test_a_till_runs_on_its_own_file_and_the_stores(shop):
    store_file = shop.lab.folder / "store.toml"
    own = shop.lab.folder / "own.toml"
    store_file.write_text(toml({"store": shop.store.settings, "mesh": {"mdns": False}}))
    own.write_text(toml({"store": {"file": "store.toml"},
                         "terminal": {"name": "till-9", "data": str(shop.lab.folder / "own-data")},
                         "api": {"listen": "127.0.0.1:8499"}, "mesh": {"listen": "0.0.0.0:7499"},
                         "tax": {"rounding": "line"}}))
    code, _, errors = await command(shop, "check", "--config", own)
    assert code == 2 and f"{own}:" in errors and "belongs into" in errors, errors
    own.write_text(own.read_text().split("[tax]")[0])
    code, output, errors = await command(shop, "check", "--config", own)
    assert code == 0 and 'name = "till-9"' in output, errors
    assert f'store = "{shop.store.settings["store"]}"' in output, output


async def test_check_tells_ports_that_are_taken_and_a_folder_of_another_store(shop):
    (till,) = shop.tills
    own = shop.lab.folder / "beside.toml"
    settings = {"store": {**shop.store.settings, "store": "paris-1"},
                "terminal": {"data": str(shop.lab.folder / "beside-data")},
                "api": {"listen": f"127.0.0.1:{till.api_port}"},
                "mesh": {"listen": till.settings["mesh"]["listen"]}}
    own.write_text(toml(settings))
    code, _, errors = await command(shop, "check", "--config", own)
    assert code == 2, errors
    for part in ("api.listen", "mesh.listen", "is taken by another program"):
        assert part in errors, (part, errors)
    settings["terminal"]["data"] = str(till.data)
    own.write_text(toml(settings))
    code, _, errors = await command(shop, "check", "--config", own)
    assert code == 2 and 'belongs to store "london-1"' in errors, errors
    # The till that runs is no other program.
    code, _, errors = await command(shop, "check", "--config", config_file(till))
    assert code == 0, errors
