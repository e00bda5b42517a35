"""The harness itself: what it says about a network must be true, or no other test is."""

import asyncio
import os
import signal
import sys
import time

from qa.harness.forward import Forward
from qa.harness.http import HttpClient, HttpError
from qa.harness.lab import ROOT, Lab
from qa.harness.postgres import Postgres
from qa.harness.process import Process, ProcessEnded
from qa.harness.waiting import wait_until

PYTHON = "/usr/bin/python3"
# A server of Python's own, as far from our code as can be.
FILE_SERVER = (PYTHON, "-m", "http.server", "8000", "--bind", "0.0.0.0")
# Echoes method, path and body as JSON; keeps connections; a WebSocket on /echo.
ECHO = """
from aiohttp import web, WSMsgType
async def echo(request):
    return web.json_response({"method": request.method, "path": request.path_qs,
                              "body": (await request.read()).decode(),
                              "type": request.headers.get("Content-Type", ""),
                              "peer": id(request.transport)})
async def chunked(request):
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for part in (b"one,", b"two,", b"three"):
        await response.write(part)
    return response
async def socket(request):
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        if message.type == WSMsgType.TEXT:
            await ws.send_str(message.data.upper())
    return ws
app = web.Application()
app.router.add_get("/echo", socket)
app.router.add_get("/chunked", chunked)
app.router.add_route("*", "/{tail:.*}", echo)
web.run_app(app, host="127.0.0.1", port=8001, print=None)
"""


async def answers(client, path="/"):
    return (await client.request("GET", path, seconds=1)).status


async def reaches(lab, sender, receiver):
    code, _, _ = await lab.run(sender, "ping", "-q", "-c1", "-W0.4", lab.address(receiver))
    return code == 0


async def reaches_soon(lab, sender, receiver):
    """An unanswered ARP request is repeated after a second only."""
    await wait_until(lambda: reaches(lab, sender, receiver), 3, f"{sender} reaches {receiver}")


async def test_client_reaches_loopback_inside_a_host(lab):
    await lab.create(2)
    server = await lab.start(1, "files", *FILE_SERVER)
    inside = lab.http(1, 8000)
    await wait_until(lambda: answers(inside), 5, "the server answers inside its host")
    assert await answers(lab.http(2, 8000, address=lab.address(1))) == 200
    for elsewhere in (lab.http(2, 8000), HttpClient("127.0.0.1", 8000)):
        try:
            await elsewhere.request("GET", "/", seconds=1)
            raise RuntimeError("a server in one host was reached on another's loopback")
        except HttpError:
            pass
    assert server.running


async def test_partition_cuts_and_heal_mends(lab):
    await lab.create(4)
    await lab.start(1, "files", *FILE_SERVER)
    near = lab.http(2, 8000, address=lab.address(1))
    far = lab.http(3, 8000, address=lab.address(1))
    await wait_until(lambda: answers(near), 5, "the server answers")
    assert await answers(far) == 200
    await lab.partition([1, 2], [3, 4])
    assert await answers(near) == 200
    try:
        await far.request("GET", "/", seconds=0.5)
        raise RuntimeError("a request crossed the cut")
    except HttpError as error:
        assert "within 0.5 s" in str(error), error
    await lab.heal()
    await wait_until(lambda: answers(far), 5, "the far side answers after the heal")


async def test_cut_leaves_third_parties_connected(lab):
    await lab.create(4)
    await lab.cut([1], [2, 3])
    seen = {pair: await reaches(lab, *pair) for pair in ((1, 2), (3, 1), (2, 3), (1, 4), (4, 2))}
    assert seen == {(1, 2): False, (3, 1): False, (2, 3): True, (1, 4): True, (4, 2): True}, seen
    await lab.mend([1], [3])
    await reaches_soon(lab, 1, 3)
    assert not await reaches(lab, 1, 2)
    await lab.mend([1], [2, 3])  # partly mended already: no error
    await reaches_soon(lab, 1, 2)
    await lab.isolate(4)
    assert not await reaches(lab, 4, 1) and await reaches(lab, 1, 2)


async def test_labs_side_by_side_do_not_meet(lab):
    async with Lab() as other:
        await asyncio.gather(lab.create(2), other.create(2))
        await lab.start(1, "files", *FILE_SERVER)
        await wait_until(lambda: answers(lab.http(2, 8000, address=lab.address(1))), 5, "it answers")
        try:
            await other.http(2, 8000, address=other.address(1)).request("GET", "/", seconds=1)
            raise RuntimeError("a lab reached a server of another lab")
        except HttpError:
            pass
    other.remove_folder()
    assert await reaches(lab, 1, 2), "closing one lab broke the other"


async def test_http_client_speaks_http(lab):
    await lab.create(1)
    await lab.start(1, "echo", PYTHON, "-c", ECHO)
    client = lab.http(1, 8001)
    await wait_until(lambda: answers(client), 5, "the echo server answers")
    first = (await client.request("POST", "/a?b=c", json={"text": "£5"})).json()
    assert (first["method"], first["path"]) == ("POST", "/a?b=c"), first
    assert first["body"] == '{"text": "£5"}' and first["type"] == "application/json", first
    second = (await client.request("PUT", "/csv", body="a,b", headers={"Content-Type": "text/csv"})).json()
    assert second["type"] == "text/csv" and second["body"] == "a,b", second
    assert second["peer"] == first["peer"], "the connection was not kept"
    assert (await client.request("GET", "/chunked")).body == b"one,two,three"
    big = "x" * 900_000
    assert (await client.request("POST", "/big", body=big)).json()["body"] == big
    answers_ = await asyncio.gather(*(client.request("GET", f"/n{i}") for i in range(100)))
    assert [answer.json()["path"] for answer in answers_] == [f"/n{i}" for i in range(100)]
    assert b"400" in (await client.raw(b"this is not HTTP\r\n\r\n", seconds=2))[:20]


async def test_http_client_is_quick_enough_to_load_tills(lab):
    await lab.create(1)
    await lab.start(1, "echo", PYTHON, "-c", ECHO)
    client = lab.http(1, 8001)
    await wait_until(lambda: answers(client), 5, "the echo server answers")
    began = time.process_time()
    for _ in range(20):
        await asyncio.gather(*(client.request("POST", "/s", json={"n": n}) for n in range(50)))
    taken = time.process_time() - began
    assert taken < 1.0, f"1,000 requests cost this process {taken:.2f} s of CPU"


async def test_websocket_inside_a_host(lab):
    await lab.create(1)
    await lab.start(1, "echo", PYTHON, "-c", ECHO)
    client = lab.http(1, 8001)
    await wait_until(lambda: answers(client), 5, "the echo server answers")
    socket = await client.websocket("/echo")
    await socket.send_str("hello")
    assert await socket.receive_str(timeout=2) == "HELLO"
    await socket.close()


async def test_process_can_be_measured_paused_stopped_and_killed(lab):
    await lab.create(1)
    server = await lab.start(1, "files", *FILE_SERVER)
    client = lab.http(1, 8000)
    await wait_until(lambda: answers(client), 5, "the server answers")
    with open(f"/proc/{server.pid}/cmdline", "rb") as command:
        assert b"http.server" in command.read(), "pid is not the daemon itself"
    assert 1000 < server.memory_kib() <= server.memory_peak_kib()
    assert server.cpu_seconds() > 0
    server.pause()
    try:
        await client.request("GET", "/", seconds=0.3)
        raise RuntimeError("a paused process answered")
    except HttpError:
        pass
    server.resume()
    await wait_until(lambda: answers(client), 5, "it answers again")
    assert await server.stop() < 5 and server.exit_code == -signal.SIGTERM
    try:
        server.assert_running()
        raise RuntimeError("an ended process counted as running")
    except ProcessEnded:
        pass
    again = await lab.start(1, "again", *FILE_SERVER)
    await wait_until(lambda: answers(client), 5, "the second server answers")  # it is in its host
    await lab.kill_host(1)
    assert await again.wait(5) == -signal.SIGKILL


async def test_mdns_between_hosts(lab):
    await lab.create(2)
    await lab.start_avahi()
    await lab.start(1, "publish", "avahi-publish", "-s", "one", "_titan-mesh._tcp", "7411", "id=1")

    async def seen():
        _, output, _ = await lab.run(2, "timeout", "2", "stdbuf", "-oL", "avahi-browse", "-rpt",
                                     "_titan-mesh._tcp")
        return f";{lab.address(1)};7411;" in output and output
    await wait_until(seen, 10, "host 2 sees the service of host 1")


async def test_port_published_on_this_machine(lab):
    await lab.create(1)
    await lab.start(1, "files", *FILE_SERVER)
    await wait_until(lambda: answers(lab.http(1, 8000)), 5, "the server answers")
    local = HttpClient("127.0.0.1", await lab.publish(1, 8000))
    assert (await local.request("GET", "/")).status == 200
    await local.close()


async def test_private_postgres(lab):
    database = Postgres(lab.folder / "pg", processes=lab.processes)
    await database.start()
    await database.create_database("titan")
    await database.query("CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, 'y')", "titan")
    await database.kill()
    await database.start()
    assert await database.query("SELECT a, b FROM t ORDER BY a", "titan") == [["1", "x"], ["2", "y"]]
    await database.stop()


async def test_waiting_says_what_was_seen():
    try:
        await wait_until(lambda: 0, 0.05, "the number grows")
    except AssertionError as error:
        assert str(error) == "the number grows: not within 0.05 s; last seen: 0", error
    else:
        raise RuntimeError("waiting for ever false ended well")


async def test_whoever_watches_a_process_can_be_cancelled_at_any_moment():
    """Also in the very turn of the loop in which what it waits for comes."""
    for turns in range(6):
        ended = asyncio.Event()
        process = Process("watched", [], os.devnull)
        process._child = type("Child", (), {"wait": lambda _, event=ended: event.wait()})()

        async def watch(watched=process):
            while True:
                await watched.wait(5)
                await asyncio.sleep(0)
        task = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        ended.clear()
        task.cancel()
        for _ in range(20):
            await asyncio.sleep(0)
        assert task.done(), f"cancelled {turns} turns after the answer, it went on"


RUN_UNTIL_STOPPED = """
import asyncio, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell put behind
sys.path.insert(0, {root!r})
from qa.harness import runner
async def test_hangs(lab):
    await lab.create(2)
    await lab.start_avahi()
    await lab.start(1, "sleeper", "sleep", "1000")
    print("PREFIX", lab.prefix, lab.folder, flush=True)
    await asyncio.sleep(1000)
runner.discover = lambda folders: [("test_hangs", test_hangs)]
sys.exit(runner.main([]))
"""


async def check_ends_clean(send):
    """A run stopped half-way leaves no namespace, no process and no folder."""
    environment = {key: value for key, value in os.environ.items() if key != "TITAN_RUN"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN_UNTIL_STOPPED.format(root=str(ROOT)), env=environment,
        stdout=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        async with asyncio.timeout(20):
            line = (await child.stdout.readline()).decode().split()
        assert line[0] == "PREFIX", line
        prefix, folder = line[1], line[2]
        os.killpg(child.pid, send)
        async with asyncio.timeout(20):
            assert await child.wait() == 130
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    names = [name for name in os.listdir("/run/netns") if name.startswith(prefix)]
    assert not names, f"namespaces left: {names}"
    assert not os.path.exists(f"/run/netlab-{prefix}") and not os.path.exists(folder)


async def test_ctrl_c_leaves_nothing():
    await check_ends_clean(signal.SIGINT)


async def test_terminate_leaves_nothing():
    await check_ends_clean(signal.SIGTERM)


async def test_forward_to_nobody_closes_the_connection():
    class Nowhere:
        def socket(self, *_):
            raise OSError("no such namespace")
    forward = Forward(Nowhere(), "127.0.0.1", 1)
    port = await forward.start()
    assert await HttpClient("127.0.0.1", port).raw(b"x", seconds=2) == b""
    await forward.close()
