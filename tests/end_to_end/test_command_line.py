"""The cashier's commands, as typed in the till's own host."""

import contextlib
import json
import secrets
import sqlite3

from qa.harness.lab import ROOT, binaries
from qa.harness.runner import shared
from qa.harness.store import Store
from shop import Shop


class Counter(Shop):
    async def type(self, *words, code=0, till=0):
        """Runs `titan-pos WORDS`; returns what it printed."""
        seen, output, errors = await self.tills[till].command_line(*words)
        assert seen == code, f"titan-pos {' '.join(words)}: exit code {seen}\n{output}{errors}"
        return output + errors


@shared()
async def shop(lab):
    yield await Counter.open(lab, 2)


async def test_status_and_peers_name_the_tills_and_the_leader(shop):
    leader = await shop.leader()
    printed = await shop.type("status")
    assert "till-1" in printed and leader.name in printed and "london-1" in printed, printed
    printed = await shop.type("peers")
    assert "till-1" in printed and "till-2" in printed and "10.77.0.2:7411" in printed, printed
    assert json.loads(await shop.type("status", "--json")).keys() >= {"terminal", "role", "members"}
    assert "\x1b" not in printed, "colours on something that is no terminal"


async def test_sell_receive_adjust_and_stock_do_what_they_say(shop):
    await shop.type("receive", "p08", "10")
    printed = await shop.type("sell", "p08x3", "p09@0.99")
    assert "till-1 00000" in printed and "5.49" in printed, printed
    await shop.type("adjust", "p08", "-2")
    assert "5" in await shop.type("stock", "p08")
    await shop.type("sell", "p08x6", till=1)
    await shop.store.wait_until_equal()
    assert "-1 (Back Order)" in await shop.type("stock", "p08")
    assert "p09" in await shop.type("stock")
    assert await shop.tills[1].on_hand("p08") == "-1"


async def test_the_commands_of_the_readme_work_as_printed(shop):
    """Each `titan-pos …` line of README's "Run a terminal", but those that start a daemon."""
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Run a terminal")[1].split("\n## ")[0]
    lines = [line.split("#")[0].split() for line in section.splitlines()
             if line.startswith("titan-pos ")]
    assert len(lines) >= 5, lines
    for words in lines:
        files = [str(ROOT / word) if (ROOT / word).is_file() else word for word in words[1:]]
        printed = await shop.type(*files)
        assert printed.strip(), words
    assert await shop.tills[0].on_hand("85123A") == "22"  # 24 came, two were sold


async def test_the_sample_becomes_a_configuration_as_the_readme_says(shop):
    """`sed` puts the secret and the folder in; check then finds nothing wrong."""
    sample = (ROOT / "pos-node" / "titan-pos.sample.toml").read_text()
    readme = (ROOT / "README.md").read_text()
    for part in ("paste the output of titan-pos keygen here", "/var/lib/titan-pos"):
        assert part in sample and f"s|{part}|" in readme, part
        sample = sample.replace(part, secrets.token_hex(32) if "keygen" in part else "/tmp/titan-till")
    # Here a till runs, and check says whose a port is.
    for port in ("8410", "7411"):
        assert f':{port}"' in sample, port
        sample = sample.replace(f':{port}"', f':{port[:3]}9"')
    config = shop.lab.folder / "readme.toml"
    config.write_text(sample)
    config.chmod(0o600)
    code, output, errors = await shop.lab.run(1, binaries() / "titan-pos", "check", "--config", config)
    # Of this machine, not of the file: the lab's hosts have no Avahi here.
    said = [line for line in errors.splitlines() if "no Avahi daemon runs here" not in line]
    assert code == 0 and not said, errors
    assert 'currency = "GBP"' in output, output


async def test_check_warns_of_an_open_api_and_refuses_a_secret_that_is_none(shop):
    till = Store(shop.lab).add(2, name="open")
    till.settings["api"]["listen"] = "0.0.0.0:8419"
    till.settings["mesh"]["listen"] = "0.0.0.0:7419"
    seen, output, errors = await shop.lab.run(1, binaries() / "titan-pos", "check", "--config",
                                              till.write_config())
    assert seen == 0 and "warning: api.listen" in errors, errors
    till.settings["store"]["secret"] = "0" * 64
    seen, output, errors = await shop.lab.run(1, binaries() / "titan-pos", "check", "--config",
                                              till.write_config())
    assert seen == 2 and "titan-pos keygen" in errors, errors


async def test_a_list_comes_in_from_standard_input_and_its_faults_are_told(shop):
    folder = shop.lab.folder
    seen, output, errors = await shop.lab.run(
        1, binaries() / "titan-pos", "products", "import", "-", "--api",
        f"127.0.0.1:{shop.tills[0].api_port}", stdin=b"sku,description,price\nfrom-stdin,Teapot,12.50\n")
    assert seen == 0 and "1 products" in output, (output, errors)
    assert "Teapot" in await shop.type("products", "show", "from-stdin")
    assert "from-stdin" in await shop.type("products", "list", "Teapot")
    (folder / "bad.csv").write_text("sku,price\ngood,1\nbad,one pound\n")
    printed = await shop.type("products", "import", str(folder), code=2)
    assert "is a folder" in printed, printed
    printed = await shop.type("products", "import", str(folder / "bad.csv"), code=1)
    assert "price" in printed and "idempotency" not in printed, printed


async def test_refusals_are_told_in_words_and_end_with_code_1(shop):
    printed = await shop.type("sell", "unheard-of", code=1)
    assert "unheard-of" in printed and "price" in printed, printed
    await shop.type("stock", "unheard-of", code=1)
    for words in (("sell",), ("dance",)):
        seen, output, errors = await shop.tills[0].command_line(*words)
        assert seen == 2 and output + errors, (words, seen)


async def test_without_a_daemon_the_commands_say_what_to_do(shop):
    seen, output, errors = await shop.lab.run(1, binaries() / "titan-pos", "status", "--api", "127.0.0.1:9")
    assert seen == 1 and "127.0.0.1:9" in output + errors, (seen, output, errors)


async def test_journal_verify_is_content_with_sound_journals(shop):
    await shop.sell_some(shop.tills, times=3)
    await shop.tills[1].kill()
    await shop.tills[1].start()
    await shop.settled()
    await shop.sell_some(shop.tills, times=2)
    await shop.store.wait_until_equal()
    for till in (0, 1):
        answer = json.loads(await shop.type("journal", "verify", "--json", till=till))
        text = json.dumps(answer)
        assert "journals" in answer, text
    printed = await shop.type("journal", "verify")
    status = await shop.tills[0].status()
    assert str(status["vector"]["entries"]) in printed, (printed, status["vector"]["entries"])


async def test_journal_verify_finds_an_entry_that_was_tampered_with(shop):
    """Whoever changes a sale in the till's database is found out: here one byte of one entry."""
    await shop.sell_some(shop.tills, times=2)
    await shop.store.wait_until_equal()
    till = shop.tills[0]
    await till.stop()
    with contextlib.closing(sqlite3.connect(till.data / "titan.sqlite3")) as database, database:
        position, data = database.execute(
            "SELECT position, bytes FROM entries ORDER BY position DESC LIMIT 1").fetchone()
        changed = bytearray(data)
        changed[len(changed) // 2] ^= 1
        database.execute("UPDATE entries SET bytes = ? WHERE position = ?", (bytes(changed), position))
    await till.start()
    printed = await shop.type("journal", "verify", code=1)
    assert "BAD" in printed, printed
    await till.kill()
    till.data.rename(till.folder / "tampered")  # the other till has it whole
