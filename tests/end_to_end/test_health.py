"""What monitoring and the shop's IT are told when the store is not whole: cut, alone, wrong secret."""

import contextlib
import secrets

from qa.harness.runner import limit, shared
from qa.harness.store import Store
from qa.harness.waiting import wait_until
from shop import Shop


@shared(60)
async def shop(lab):
    yield await Shop.open(lab, 3, spare_hosts=1)


async def health(till):
    """The body of /healthz, which answers 200 as long as the till can sell."""
    response = await till.http.request("GET", "/healthz")
    assert response.status == 200, response
    return response.json()


async def becomes(till, *codes, seconds=15):
    """Waits until exactly these reasons are told; returns them by their code."""
    last = {}

    async def told():
        last["health"] = await health(till)
        reasons = {reason["code"]: reason for reason in last["health"]["reasons"]}
        expected = "degraded" if codes else "ok"
        return (set(reasons) == set(codes) and last["health"]["status"] == expected) and (reasons,)
    return (await wait_until(told, seconds, f"{till.name} tells {codes or 'that all is well'}",
                             seen=lambda: last))[0]


async def metric(till, name):
    text = (await till.http.request("GET", "/metrics")).body.decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return float(lines[name])


async def status_words(till):
    code, output, errors = await till.command_line("status")
    assert code == 0, output + errors
    return output


@limit(60)
async def test_a_cut_is_told_on_both_sides_and_ends_with_the_heal(shop):
    one, two, three = shop.tills
    await becomes(one)
    assert "3 of 3 tills are here" in await status_words(one)
    await shop.lab.partition([1, 2], [3])
    cut = (await becomes(one, "cut"))["cut"]
    assert cut["terminals"] == ["till-3"] and cut["since"].startswith("20"), cut
    assert "1 of 3 tills" in cut["message"], cut
    alone = (await becomes(three, "alone"))["alone"]
    assert alone["terminals"] == ["till-1", "till-2"], alone
    assert await metric(one, "titan_store_cut") == 1 and await metric(one, "titan_alone") == 0
    assert await metric(one, "titan_members_missing") == 1
    assert await metric(three, "titan_alone") == 1
    words = await status_words(one)
    assert "2 of 3 tills are here" in words and "cut since 20" in words, words
    assert "1970" not in words, words
    await shop.sell_some([three])  # it is told beside "it can sell", never instead of it
    await shop.lab.heal()
    await shop.store.wait_until_equal()
    for till in shop.tills:
        await becomes(till)
    assert await metric(one, "titan_store_cut") == 0


async def test_a_till_that_leaves_politely_is_not_missing(shop):
    await shop.tills[2].stop()
    await shop.store.wait_for_members(shop.tills[:2])
    await becomes(shop.tills[0])
    await shop.tills[2].start()
    await shop.store.wait_for_members()


async def test_members_are_told_by_name(shop):
    for till in shop.tills:
        names = [member["terminal"] for member in (await till.status())["members"]]
        assert names == sorted(names) and len(names) == 3, names


@limit(60)
async def test_a_wrong_secret_is_told_where_it_is_met(shop):
    """One till was set up with another secret and knows where the others are."""
    stranger = Store(shop.lab).add(4, name="typed-wrong")
    stranger.settings["store"] = {**shop.store.settings, "secret": secrets.token_hex(32)}
    stranger.settings["mesh"].update(mdns=False, seeds=[shop.tills[0].mesh_address])
    await stranger.start()
    try:
        reason = (await becomes(stranger, "wrong_secret"))["wrong_secret"]
        assert shop.tills[0].mesh_address in reason["message"], reason
        assert "[store] secret" in reason["message"], reason
        assert await metric(stranger, "titan_refused_peers") == 1
        assert "wrong secret since 20" in await status_words(stranger)

        async def is_counted():
            return await metric(shop.tills[0], "titan_mesh_handshakes_failed_total") > 0
        await wait_until(is_counted, 10, "the till that was dialled counts it")
    finally:
        with contextlib.suppress(ProcessLookupError):
            await stranger.kill()
