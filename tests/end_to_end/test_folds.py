"""The cloud's folds: what it holds of a store, summed up; every till holds it against its own."""

from qa.harness.runner import limit
from shop import Shop

STORE = "/v1/tenants/acme/stores/london-1"


@limit(60)
async def test_what_head_office_folds_is_what_every_till_comes_to(lab):
    shop = await Shop.open(lab, 3, cloud=True)
    await shop.sell_some(shop.tills, times=2)
    await sell_and_void(shop.tills[0])
    for _ in range(2):
        await shop.sell_some(shop.tills, times=1)
        await shop.store.wait_until_uploaded(seconds=20)
        await shop.cloud.api("POST", f"{STORE}/fold")
        fold = (await shop.cloud.store())["fold"]
        await compared(shop.store, fold)
    assert fold["number"] == 2, fold
    restarted = shop.tills[2]
    await restarted.stop()
    await restarted.start()
    assert (await restarted.status())["fold"]["number"] == 2, "it forgot the fold"


async def sell_and_void(till):
    sale = await till.sell(("p02", 3))
    await till.api("POST", "/v1/voids", {"idempotency_key": till.next_key(), "sale": sale["id"],
                                         "reason": "wrong article"})


async def compared(store, fold, seconds=20):
    """Every till has held the cloud's fold against what it has, and comes to the same."""
    def has_compared(status):
        return status["fold"] and status["fold"]["number"] == fold["number"]
    for till in store.running():
        status = await till.wait_until(has_compared, seconds, f"has compared fold {fold['number']}")
        assert status["fold"]["outcome"] == "same", (till.name, status["fold"], status["alarms"])
        assert status["fold"]["entries"] == fold["entries"], (till.name, status["fold"], fold)
