"""A store whose tills were switched on every morning for years: each start opened a journal."""

import asyncio
import json

from qa.harness.cloud import Cloud
from qa.harness.lab import binaries
from qa.harness.runner import limit
from qa.harness.store import Store
from qa.harness.waiting import wait_until
from test_folds import compared

TILLS, DAYS = 30, 840
JOURNALS = TILLS * DAYS + 1  # one more for the products


@limit(180)
async def test_25000_journals_go_up_and_every_leader_and_till_knows_what_the_cloud_holds(lab):
    await lab.create(4)
    cloud = Cloud(lab, 4)
    await cloud.start()
    store = Store(lab)
    old = store.add(1, cloud=cloud)
    await make_history(old)
    new = [store.add(host, cloud=cloud) for host in (2, 3)]
    for till in store.tills:
        till.settings["mesh"]["mdns"] = False
        till.settings["store_database"]["mode"] = "none"
        till.settings["mesh"]["seeds"] = [other.mesh_address for other in store.tills if other is not till]
    await old.start()
    await store.wait_for_leader([old])
    await asyncio.gather(*(till.start() for till in new))
    await store.wait_for_members(seconds=20)
    await store.wait_until_equal(seconds=60)
    await store.wait_until_uploaded(seconds=60)
    held = await cloud.api("GET", "/v1/tenants/acme/stores/london-1/vector")
    assert len(held["journals"]) >= JOURNALS, len(held["journals"])
    await everywhere_in_cloud(store, await new[0].sell("P00001"))
    await cloud.api("POST", "/v1/tenants/acme/stores/london-1/fold")
    await compared(store, (await cloud.store())["fold"], seconds=40)

    # The next leader connects, and so does the one after it; who starts again knows from its disk
    # what the cloud holds, and hears of what came since.
    for _ in range(2):
        leader = await store.wait_for_leader(seconds=10)
        await leader.kill()
        after = await store.wait_for_leader(store.running(), seconds=10, other_than=leader)
        await everywhere_in_cloud(store, await after.sell("P00002"))
        await leader.start()
        status = await leader.status()
        assert status["watermark"] is not None, "it forgot what the cloud holds"
        assert status["pending_uploads"] < 100, status["pending_uploads"]
        await store.wait_for_members(seconds=20)
        await store.wait_until_equal(seconds=20)
    await everywhere_in_cloud(store, await old.sell("P00003"))
    for till in store.tills:
        text = till.process.log_text()
        assert "frame_too_large" not in text and "bad_signature" not in text, till.name


async def make_history(till):
    till.folder.mkdir(parents=True)
    made = await asyncio.create_subprocess_exec(
        binaries() / "make_history", "--data", till.data, "--tenant", till.settings["store"]["tenant"],
        "--store", till.settings["store"]["store"], "--products", "100", "--tills", str(TILLS),
        "--days", str(DAYS), "--sales-a-day", "1", stdout=asyncio.subprocess.PIPE)
    output, _ = await made.communicate()
    assert made.returncode == 0, made.returncode
    assert json.loads(output)["journals"] == JOURNALS, output


async def everywhere_in_cloud(store, sale):
    async def there():
        seen = await asyncio.gather(*(till.api("GET", f"/v1/sales/{sale['id']}") for till in store.running()))
        return all(each["in_cloud"] for each in seen)
    await wait_until(there, 20, f"every till shows {sale['receipt']} as in the cloud")
