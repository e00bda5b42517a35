"""The cashier's commands, as typed in the till's own host."""

import contextlib
import json
import sqlite3

from harness.lab import binaries
from harness.runner import shared
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
