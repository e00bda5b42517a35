"""HTTP/1.1 client with kept-alive connections, and WebSockets, in any namespace.

Requests go through a small protocol of our own: a test run pushes thousands of sales, and the
client shares two cores with the tills it measures. WebSockets are aiohttp's, over a connector
that makes its sockets in the namespace.
"""

import asyncio
import json as json_module
import socket

import aiohttp

from qa.harness.namespace import OwnNamespace

CONNECTIONS_MAX = 16  # per client; further requests wait for a free one
RESPONSE_BYTES_MAX = 256 * 1024 * 1024


class HttpError(OSError):
    """The exchange failed: nobody listens, the connection broke, or the answer is no HTTP."""


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        try:
            return json_module.loads(self.body)
        except ValueError as error:
            raise HttpError(f"the answer ({self.status}) is not JSON ({error}): {self.body[:300]!r}")

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class _Connection(asyncio.Protocol):
    """One connection; one request at a time. Parses what comes back."""

    def __init__(self):
        self.transport = None
        self._buffer = bytearray()
        self._answer = None
        self._method = ""
        self._closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def usable(self):
        return not self._closed.done() and not self.transport.is_closing()

    async def exchange(self, method, request):
        self._method = method
        self._buffer.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def data_received(self, data):
        self._buffer += data
        if self._answer is None or self._answer.done():
            self.transport.close()  # nobody asked for anything
            return
        try:
            parsed = _parse(self._buffer, self._method, at_end=False)
        except HttpError as error:
            self._answer.set_exception(error)
            self.transport.close()
            return
        if parsed is not None:
            self._finish(parsed)

    def connection_lost(self, error):
        if not self._closed.done():
            self._closed.set_result(None)
        if self._answer is None or self._answer.done():
            return
        try:
            parsed = _parse(self._buffer, self._method, at_end=True)
        except HttpError as fault:
            self._answer.set_exception(fault)
            return
        if parsed is not None:
            self._finish(parsed)
        else:
            reason = error or "closed by the other side"
            self._answer.set_exception(HttpError(f"the connection broke before the answer: {reason}"))

    def _finish(self, response):
        if response.headers.get("connection", "").lower() == "close":
            self.transport.close()
        self._answer.set_result(response)


def _parse(buffer, method, at_end):
    """The complete response in `buffer`, or None while bytes are missing."""
    if len(buffer) > RESPONSE_BYTES_MAX:
        raise HttpError(f"the answer is larger than {RESPONSE_BYTES_MAX} bytes")
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > 65536:
            raise HttpError("the answer's headers are larger than 64 kB")
        return None
    lines = bytes(buffer[:end]).decode("latin-1").split("\r\n")
    try:
        status = int(lines[0].split(" ", 2)[1])
        headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", -1))
    except (ValueError, IndexError):
        raise HttpError(f"the answer is not HTTP: {bytes(buffer[:120])!r}")
    start = end + 4
    if method == "HEAD" or status in (204, 304):
        return Response(status, headers, b"")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _parse_chunks(buffer, start)
        return None if body is None else Response(status, headers, body)
    if length >= 0:
        if len(buffer) - start < length:
            return None
        return Response(status, headers, bytes(buffer[start:start + length]))
    return Response(status, headers, bytes(buffer[start:])) if at_end else None


def _parse_chunks(buffer, at):
    body = bytearray()
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(bytes(buffer[at:line_end]).split(b";")[0], 16)
        at = line_end + 2
        if len(buffer) < at + size + 2:
            return None
        if size == 0:
            return bytes(body)
        body += buffer[at:at + size]
        at += size + 2


class _NamespaceConnector(aiohttp.BaseConnector):
    def __init__(self, namespace, host, port, tls):
        super().__init__(force_close=True)
        self._target = (namespace, host, port, tls)

    async def _create_connection(self, request, traces, timeout):
        try:
            _, protocol = await _open(self._factory, *self._target)
        except OSError as error:
            raise aiohttp.ClientConnectorError(request.connection_key, error) from error
        return protocol


async def _open(factory, namespace, host, port, tls):
    loop = asyncio.get_running_loop()
    made = namespace.socket()
    try:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(made, (host, port))
        return await loop.create_connection(factory, sock=made, ssl=tls,
                                            server_hostname=host if tls else None)
    except BaseException:
        made.close()
        raise


class HttpClient:
    """Client of one server. `host` is an IPv4 address as seen inside `namespace`."""

    def __init__(self, host, port, namespace=None, headers=None, tls=None):
        self.host = host
        self.port = port
        self.headers = dict(headers or {})
        self._namespace = namespace or OwnNamespace()
        self._tls = tls
        self._idle = []
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)
        self._session = None

    async def request(self, method, path, json=None, body=None, headers=None, seconds=10.0):
        """Sends one request and returns the Response, whatever its status.

        `json` is encoded and labelled application/json; `body` (bytes or str) goes as it is.
        Raises HttpError when no answer came; then it is not known whether the server acted.
        """
        payload = b"" if body is None else body.encode() if isinstance(body, str) else bytes(body)
        fields = {"Host": f"{self.host}:{self.port}", **self.headers}
        if json is not None:
            payload = json_module.dumps(json, ensure_ascii=False).encode()
            fields["Content-Type"] = "application/json"
        fields.update(headers or {})
        if payload or method in ("POST", "PUT", "PATCH"):
            fields.setdefault("Content-Length", str(len(payload)))
        head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
        try:
            async with asyncio.timeout(seconds):
                async with self._slots:
                    return await self._exchange(method, head.encode() + b"\r\n" + payload)
        except TimeoutError:
            raise HttpError(f"{method} {path}: no answer within {seconds} s") from None
        except OSError as error:
            raise HttpError(f"{method} http://{self.host}:{self.port}{path}: {error}") from error

    async def raw(self, data, seconds=5.0):
        """Sends bytes as they are on a fresh connection; returns all that comes back until close.

        For servers that must survive rubbish. Stops early, with what came, after `seconds`."""
        loop = asyncio.get_running_loop()
        made = self._namespace.socket()
        received = bytearray()
        try:
            async with asyncio.timeout(seconds):
                await loop.sock_connect(made, (self.host, self.port))
                await loop.sock_sendall(made, data)
                while chunk := await loop.sock_recv(made, 65536):
                    received += chunk
        except (TimeoutError, ConnectionError):
            pass
        finally:
            made.close()
        return bytes(received)

    async def websocket(self, path, **options):
        """An open aiohttp WebSocket; close() it."""
        if self._session is None:
            connector = _NamespaceConnector(self._namespace, self.host, self.port, self._tls)
            self._session = aiohttp.ClientSession(connector=connector)
        scheme = "wss" if self._tls else "ws"
        try:
            return await self._session.ws_connect(f"{scheme}://{self.host}:{self.port}{path}",
                                                  headers=self.headers, **options)
        except aiohttp.ClientError as error:
            raise HttpError(f"WebSocket {path}: {error}") from error

    async def close(self):
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _exchange(self, method, request):
        connection = await self._connection()
        try:
            response = await connection.exchange(method, request)
        except BaseException:
            connection.transport.abort()  # an answer that comes late must not meet another request
            raise
        if connection.usable():
            self._idle.append(connection)
        return response

    async def _connection(self):
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
        _, connection = await _open(_Connection, self._namespace, self.host, self.port, self._tls)
        return connection
