"""A till that cannot start ends with exit code 2 and says what is wrong, where, and what to do."""

import asyncio
import contextlib
import socket

from qa.harness.lab import binaries
from qa.harness.runner import shared
from qa.harness.store import Store
from shop import Shop, nothing_to_reset


@shared()
async def shop(lab):
    """One till that runs; the others of these tests try to start in a second host or beside it."""
    shop = await Shop.open(lab, 1, spare_hosts=1)
    shop.reset = nothing_to_reset
    yield shop


async def refused_start(till, *words, seconds=10):
    """Starts a till that must end by itself with code 2; its message must have these words."""
    await till.start(wait=False)
    code = await till.process.wait(seconds)
    said = till.process.log_text()
    assert code == 2, f"exit code {code}:\n{said}"
    lacking = [word for word in words if word.lower() not in said.lower()]
    assert not lacking, f"the message does not say {lacking}:\n{said}"
    return said


def another(shop, host=2, name="another"):
    till = Store(shop.lab).add(host, name=name)
    till.settings["store"] = dict(shop.store.settings)
    till.settings["mesh"]["mdns"] = False
    return till


async def test_an_unknown_key_is_refused_by_name_and_line(shop):
    till = another(shop, name="typo")
    till.settings["mesh"]["prot"] = 7411
    said = await refused_start(till, "mesh.prot", "titan-pos.toml")
    lines = (till.folder / "titan-pos.toml").read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if text.startswith("prot"))
    assert f":{line}" in said or f"line {line}" in said, f"line {line} is not named:\n{said}"


async def test_all_wrong_values_are_said_at_once(shop):
    till = another(shop, name="wrong")
    till.settings["store"]["secret"] = "abc"
    till.settings["mesh"]["profile"] = "carrier-pigeon"
    till.settings["terminal"]["priority"] = "high"
    await refused_start(till, "store.secret", "mesh.profile", "wireless", "terminal.priority")


async def test_a_missing_file_and_a_missing_key_are_refused(shop):
    code, _, errors = await shop.lab.run(2, binaries() / "titan-pos", "run", "--config", "/nowhere.toml")
    assert code == 2 and "/nowhere.toml" in errors, (code, errors)
    till = another(shop, name="incomplete")
    del till.settings["store"]["tenant"]
    await refused_start(till, "store.tenant")


def listening(shop, address, port):
    """Somebody who listens in the second host; to be closed."""
    made = shop.lab.namespace(2).socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    made.listen()
    return contextlib.closing(made)


async def test_an_api_port_that_is_taken_is_named(shop):
    with listening(shop, "127.0.0.1", 8410):
        await refused_start(another(shop, name="port-taken"), "8410", "api")


async def test_a_mesh_port_that_is_taken_is_named(shop):
    with listening(shop, "0.0.0.0", 7411):
        await refused_start(another(shop, name="mesh-taken"), "7411", "mesh")


async def test_a_data_folder_in_use_by_another_process_is_refused_and_the_first_goes_on(shop):
    (running,) = shop.tills
    second = another(shop, host=1, name="second")
    second.settings["terminal"]["data"] = str(running.data)
    second.settings["api"]["listen"] = "127.0.0.1:8499"
    second.settings["mesh"]["listen"] = "0.0.0.0:7499"
    await refused_start(second, str(running.data), "in use")
    await shop.book.sell(running, "p01")
    await shop.agree()


async def test_a_data_folder_of_another_store_is_refused_and_left_as_it_was(shop):
    till = another(shop, name="moved")
    await till.start()
    await till.stop()
    before = {path.name: path.read_bytes() for path in till.data.iterdir() if path.is_file()}
    till.settings["store"]["store"] = "paris-1"
    await refused_start(till, "london-1", "paris-1", "data folder")
    till.settings["store"] = {**shop.store.settings, "tenant": "umbrella"}
    await refused_start(till, "acme", "umbrella")
    after = {path.name: path.read_bytes() for path in till.data.iterdir() if path.is_file()}
    assert after == before, "the refused start changed the folder"
    till.settings["store"] = dict(shop.store.settings)
    await till.start()
    await till.stop()


async def test_a_data_folder_that_cannot_be_written_is_named(shop):
    till = another(shop, name="no-folder")
    blocked = shop.lab.folder / "a-file"
    blocked.write_text("not a folder")
    till.settings["terminal"]["data"] = str(blocked / "data")
    await refused_start(till, str(blocked))


async def test_a_device_key_that_others_can_read_is_refused(shop):
    till = another(shop, name="open-key")
    await till.start()
    await till.stop()
    key = till.data / "device.key"
    assert key.stat().st_mode & 0o777 == 0o600, oct(key.stat().st_mode)
    key.chmod(0o644)
    await refused_start(till, "device.key", "chmod 600")


async def test_a_device_key_that_cannot_be_read_is_refused_with_advice_that_works(shop):
    till = another(shop, name="bad-key")
    till.settings["mesh"]["seeds"] = [shop.tills[0].mesh_address]
    await till.start()
    await till.stop()
    key = till.data / "device.key"
    good = key.read_text()
    key.write_text("no key at all\n")
    await refused_start(till, "device.key", "backup", "move the whole data folder aside")
    key.write_text(good)
    await till.start()
    await till.stop()
    key.write_text("no key at all\n")
    till.data.rename(till.folder / "data.aside")
    await till.start()
    await till.wait_until(lambda status: status["leader"], 5, "is in the store again")
    await till.stop()


async def test_check_tells_the_configuration_without_its_secrets(shop):
    till = another(shop, name="checked")
    path = till.write_config()
    code, output, errors = await shop.lab.run(2, binaries() / "titan-pos", "check", "--config", path)
    assert code == 0, errors
    assert till.settings["store"]["secret"] not in output, "the store secret is printed"
    assert 'store = "london-1"' in output, output
    assert not till.data.exists(), "check made the data folder"
    till.settings["api"]["listen"] = "8410"
    code, output, errors = await shop.lab.run(2, binaries() / "titan-pos", "check",
                                              "--config", till.write_config())
    assert code == 2 and "api.listen" in output + errors, (code, output, errors)


async def test_keygen_prints_a_secret_that_a_configuration_takes(shop):
    secrets = set()
    for _ in range(2):
        code, output, errors = await shop.lab.run(2, binaries() / "titan-pos", "keygen")
        assert code == 0, errors
        secrets.add(output.split()[-1])
    assert len(secrets) == 2 and all(len(bytes.fromhex(secret)) == 32 for secret in secrets), secrets
    till = another(shop, name="fresh-secret")
    till.settings["store"]["secret"] = secrets.pop()
    await till.start()
    async with asyncio.timeout(10):
        await till.stop()
