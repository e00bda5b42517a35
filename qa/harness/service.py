"""What a till and a cloud have in common for a test: a process, and an HTTP API that speaks JSON."""

import json
from urllib.parse import quote

from qa.harness.waiting import wait_until

PAGE_ROWS = 1000


class ApiError(AssertionError):
    """The API answered with an error. `status`, `code`, `field`, `message` as it said."""

    def __init__(self, what, response):
        self.status = response.status
        try:
            error = response.json()["error"]
        except (OSError, LookupError, TypeError):
            error = {}
        self.code = error.get("code", "")
        self.field = error.get("field", "")
        self.message = error.get("message", response.text[:300])
        super().__init__(f"{what}: {self.status} {self.code} {self.field}: {self.message}")


class Service:
    """`process` is None before the first start; `http` is a client that sits in the same host."""

    def __init__(self, name, http):
        self.name = name
        self.http = http
        self.process = None

    async def wait_until_healthy(self, seconds, what):
        async def healthy():
            self.process.assert_running()
            response = await self.http.request("GET", "/healthz", seconds=2)
            assert response.status == 200, response
            return True
        await wait_until(healthy, seconds, f"{self.name} {what}")

    async def kill(self):
        """SIGKILL, as a power cut would."""
        await self.process.kill()

    async def api(self, method, path, json=None, **options):
        """The decoded answer; ApiError for a status of 400 or above."""
        response = await self.http.request(method, path, json=json, **options)
        if response.status >= 400:
            raise ApiError(f"{self.name} {method} {path}", response)
        return response.json() if response.body else None

    async def pages(self, path, field, limit=PAGE_ROWS):
        """All rows of a paged list."""
        rows, after = [], ""
        while True:
            place = f"&after={quote(after, safe='')}" if after else ""
            page = await self.api("GET", f"{path}?limit={limit}{place}")
            rows += page[field]
            after = page.get("next")
            if not after:
                return rows

    async def stock_of(self, path):
        """{sku: on_hand} of every product in a paged list of stock."""
        return {row["sku"]: row["on_hand"] for row in await self.pages(path, "stock")}


def toml(settings):
    """Settings {section: {key: value}} as TOML. A string in JSON form is one in TOML, too."""
    def value(item):
        if isinstance(item, list):
            return "[" + ", ".join(map(value, item)) + "]"
        return json.dumps(item, ensure_ascii=False)

    lines = []
    for section, content in settings.items():
        tables = content if isinstance(content, list) else [content]
        for table in tables:
            lines.append(f"[[{section}]]" if isinstance(content, list) else f"[{section}]")
            lines += [f"{key} = {value(item)}" for key, item in table.items()]
    return "\n".join(lines) + "\n"
