#!/usr/bin/python3
"""Answers as docs/INTERFACES.md says titan-pos does, for the tests of the harness only.

It keeps one stock in memory and knows nothing of a mesh; the seeds become its members, and it
leads when its name is the least."""

import asyncio
import os
import signal
import sys
import tomllib

from aiohttp import web

PAGE = 2

config = tomllib.load(open(sys.argv[sys.argv.index("--config") + 1], "rb"))
name = config["terminal"]["name"]
names = sorted([name] + [f"till-{seed.split('.')[-1].split(':')[0]}" for seed in config["mesh"]["seeds"]])
stock, answers, sockets = {}, {}, []


async def status(request):
    return web.json_response({
        "terminal": name, "process": f"p-{name}", "role": "leader" if name == names[0] else "follower",
        "leader": {"terminal": names[0], "process": f"p-{names[0]}", "term": 1},
        "members": [{"terminal": other, "state": "alive"} for other in names],
        "vector": {"root": "00", "entries": len(answers)}, "stock_digest": "11", "pending_uploads": 0})


async def sale(request):
    body = await request.json()
    if not body["lines"]:
        return web.json_response({"error": {"code": "invalid", "field": "lines", "message": "no lines"}},
                                 status=400)
    if body["idempotency_key"] in answers:
        return web.json_response(answers[body["idempotency_key"]])
    for line in body["lines"]:
        stock[line["sku"]] = stock.get(line["sku"], 0) - int(line["quantity"])
        for socket in sockets:
            await socket.send_json({"type": "stock", "sku": line["sku"], "on_hand": str(stock[line["sku"]])})
    answers[body["idempotency_key"]] = {"id": f"j:{len(answers) + 1}"}
    return web.json_response(answers[body["idempotency_key"]], status=201)


async def stock_page(request):
    skus = sorted(sku for sku in stock if sku > request.query.get("after", ""))
    page = skus[:PAGE]
    return web.json_response({"stock": [{"sku": sku, "on_hand": str(stock[sku])} for sku in page],
                              "next": page[-1] if len(skus) > PAGE else None})


async def events(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    sockets.append(socket)
    async for _ in socket:
        pass
    sockets.remove(socket)
    return socket


async def main():
    app = web.Application()
    app.add_routes([web.get("/healthz", status), web.get("/v1/status", status),
                    web.post("/v1/sales", sale), web.get("/v1/stock", stock_page),
                    web.get("/v1/events", events)])
    runner = web.AppRunner(app)
    await runner.setup()
    host, port = config["api"]["listen"].split(":")
    await web.TCPSite(runner, host, int(port)).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    os._exit(0)


asyncio.run(main())
