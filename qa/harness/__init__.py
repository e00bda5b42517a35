"""Starts real tills and a real cloud on this machine, and takes the network between them apart.

Used by the end-to-end tests (tests/end_to_end), the demo and the benchmarks:

    lab.py         a LAN of qa/netlab: hosts, cuts, losses, Avahi per host
    namespace.py   sockets inside a namespace, from this process
    http.py        HTTP/1.1 and WebSocket client, in a namespace or not
    process.py     a daemon: start, wait, kill, stop, memory and CPU
    waiting.py     wait for a condition, with a limit and what was seen
    postgres.py    a private PostgreSQL
    service.py     what a till and a cloud have in common: a process and an HTTP API
    pos.py         Till: titan-pos
    cloud.py       Cloud: titan-cloud with its PostgreSQL
    store.py       Store: several tills of one store
    relay.py       bytes passed on between two connections
    forward.py     a port of a host, published on 127.0.0.1
    protobuf.py    entries taken apart with nothing of the product's code
    runner.py      finds and runs `async def test_…` functions

asyncio throughout, one thread; nothing here is safe to call from another thread.
"""
