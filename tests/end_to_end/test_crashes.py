"""A program that crashes leaves a note, and tells of it when it runs again; one that is killed loses
nothing that it acknowledged."""

import random
import signal

from killing import Killing
from qa.harness.runner import limit, nightly
from shop import Shop


async def test_a_crashed_till_leaves_a_note_without_secrets_and_tells_it_once(lab):
    shop = await Shop.open(lab, 1, cloud=True)
    (till,) = shop.tills
    await shop.book.sell(till, "p01")
    till.process.signal(signal.SIGSEGV)
    assert await till.process.wait(10) == -signal.SIGSEGV
    await till.start()
    alarms = [alarm for alarm in (await till.status())["alarms"] if alarm["code"] == "crashed"]
    assert len(alarms) == 1, alarms
    (note,) = till.data.glob("crash-*.txt")
    assert str(note) in alarms[0]["message"], alarms
    text = note.read_text()
    assert text.startswith("titan-pos 0."), text[:200]
    assert "ended by SIGSEGV" in text and "journal open" in text, text
    assert "Daemon" in text or "titan-pos(" in text, text
    for secret in (till.settings["store"]["secret"], till.settings["cloud"]["access_key"]):
        assert secret not in text
    assert note.stat().st_mode & 0o077 == 0
    await till.stop()
    await till.start()
    assert not [alarm for alarm in (await till.status())["alarms"] if alarm["code"] == "crashed"]
    await shop.book.sell(till, "p01")
    await shop.agree()


async def killed(lab, kills, seed):
    killing = Killing(lab, seed)
    await killing.open()
    await killing.run(kills)


@limit(120)
async def test_a_till_killed_25_times_while_it_sells_keeps_each_acknowledged_sale_once(lab):
    await killed(lab, 25, seed=1)


@nightly
@limit(3600)
async def test_a_till_killed_500_times_while_it_sells_keeps_each_acknowledged_sale_once(lab):
    await killed(lab, 500, seed=random.randrange(10**6))
