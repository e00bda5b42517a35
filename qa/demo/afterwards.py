"""What to do once the demo has proved its day: try next, or the store that stays open."""

import asyncio

from qa.demo.shop import STORE, TENANT
from qa.harness.lab import binaries

PLAIN_SKU = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def example_of(products):
    """An article that can be typed into a shell without quotes, and has a price."""
    for product in products:
        if set(product["sku"]) <= PLAIN_SKU and len(product["sku"]) > 2 and product.get("price"):
            return product["sku"]
    return products[0]["sku"]


def next_lines(sku):
    """After a demo that has closed its store."""
    return ["WHAT TO TRY NEXT",
            "  ./titan demo --stay            the same day, then the store stays open: sell in it",
            "  ./titan demo --tills 8 --speed 50       more tills, a busier day",
            "  ./titan sim run simulations/scenarios/short-five-and-five.toml --html run.html",
            "                                 break a store in virtual time, and look at it",
            f"  README.md, \"Run a terminal\"   a till of your own, and `titan-pos sell {sku} x2`",
            "  docs/ARCHITECTURE.md           how it works; docs/openapi.yaml the API of a till"]


def stay_lines(shop, lab, sku):
    """While the store stays open: where everything is, and how to use it."""
    program = binaries() / "titan-pos"
    first = shop.up[0]
    at = shop.addresses[first.name].removeprefix("http://")
    lines = ["THE STORE STAYS OPEN"]
    for name, address in shop.addresses.items():
        what = "head office: titan-cloud's REST" if name == "cloud" else "a till's API"
        lines.append(f"  {name:<8} {address:<26} {what}")
    lines += ["",
              "  Sell something at one till and see it at another:",
              f"    {program} sell {sku} x2 --api {at}"]
    if len(shop.up) > 1:
        other = shop.addresses[shop.up[1].name].removeprefix("http://")
        lines.append(f"    {program} stock {sku} --api {other}")
    lines += [f"    {program} status --api {at}",
              f"    {program} products list --api {at}",
              "",
              "  What head office sees:",
              f"    curl -H 'Authorization: Bearer {shop.cloud.admin_key}' \\",
              f"      {shop.addresses['cloud']}/v1/tenants/{TENANT}/stores/{STORE}/stock",
              "",
              f"  Logs and data: {lab.folder} (removed at the end; --keep keeps them)",
              "  Ctrl-C closes the store and cleans up."]
    return lines


async def until_told():
    """Until Ctrl-C (or SIGTERM), which here is the wanted end and no failure."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        asyncio.current_task().uncancel()
