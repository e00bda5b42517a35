"""Cloud: a private PostgreSQL and one titan-cloud in a host of the lab (docs/INTERFACES.md)."""

import secrets

from qa.harness.lab import binaries
from qa.harness.postgres import Postgres
from qa.harness.service import Service, toml

PORT = 8500
START_SECONDS_MAX = 15


class Cloud(Service):
    """`await cloud.start()` before making the tills: they need its public key."""

    def __init__(self, lab, host, tenants=("acme",), name="cloud"):
        self.admin_key = secrets.token_hex(16)
        super().__init__(name, lab.http(host, PORT, headers={
            "Authorization": f"Bearer {self.admin_key}"}))
        self.lab = lab
        self.host = host
        self.tenants = {tenant: secrets.token_hex(16) for tenant in tenants}
        self.folder = lab.folder / name
        self.postgres = Postgres(self.folder / "pg", f"{name}-postgres", lab.processes)
        self.public_key = None
        listen = "0.0.0.0" if lab.isolated else "127.0.0.1"
        self.settings = {
            "gateway": {"listen": f"{listen}:{PORT}", "data": str(self.folder / "data"),
                        "admin_key": self.admin_key},
            "database": {"url": self.postgres.url("titan")},
            "tenants": [{"name": tenant, "access_key": key} for tenant, key in self.tenants.items()],
        }

    async def start(self):
        """PostgreSQL if it does not run, then titan-cloud; returns when it answers."""
        if self.postgres.process is None:
            await self.postgres.start()
            await self.postgres.create_database("titan")
            self.settings["database"]["url"] = self.postgres.url("titan")
        elif not self.postgres.process.running:
            await self.postgres.start()
        config = self.folder / "titan-cloud.toml"
        config.write_text(toml(self.settings))
        self.process = await self.lab.start(self.host, self.name, binaries() / "titan-cloud", "run",
                                            "--config", config)
        await self.ready()
        self.public_key = (await self.api("GET", "/v1/key"))["public_key"]
        return self

    async def ready(self, seconds=START_SECONDS_MAX):
        await self.wait_until_healthy(seconds, "answers")

    async def stop(self):
        """SIGTERM to titan-cloud; the seconds it took. PostgreSQL goes on."""
        return await self.process.stop()

    def settings_for_tills(self, tenant="acme"):
        """The [cloud] section of a till."""
        assert self.public_key, "start the cloud first: tills need its public key"
        return {"url": f"ws://{self.lab.address(self.host)}:{PORT}/v1/uplink",
                "access_key": self.tenants[tenant], "public_key": self.public_key}

    async def cut_off(self):
        """The WAN is down: no other host reaches the cloud. Undone by reconnect() or lab.heal()."""
        await self.lab.isolate(self.host)

    async def reconnect(self):
        await self.lab.mend([self.host], [host for host in self.lab.hosts if host != self.host])

    async def store(self, store="london-1", tenant="acme"):
        """What the cloud says about one store, or None before it was ever there."""
        stores = (await self.api("GET", f"/v1/tenants/{tenant}/stores"))["stores"]
        return next((row for row in stores if row["store"] == store), None)

    async def stock(self, store="london-1", tenant="acme"):
        """{sku: on_hand} of every product that ever moved in a store."""
        return await self.stock_of(f"/v1/tenants/{tenant}/stores/{store}/stock")
