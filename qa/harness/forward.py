"""A port of a lab host, published on this machine's loopback, so that a browser can look."""

import asyncio

from qa.harness.relay import relay


class Forward:
    def __init__(self, namespace, address, port):
        self._namespace = namespace
        self._target = (address, port)
        self._server = None
        self._tasks = set()

    async def start(self, local_port=0):
        """Listens on 127.0.0.1; returns the port (a free one for 0)."""
        self._server = await asyncio.start_server(self._on_client, "127.0.0.1", local_port)
        return self._server.sockets[0].getsockname()[1]

    async def close(self):
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _on_client(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            try:
                far_reader, far_writer = await self._connect()
            except OSError:
                return  # the client sees its connection closed, as if nobody listened
            await relay(reader, writer, far_reader, far_writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _connect(self):
        made = self._namespace.socket()
        try:
            await asyncio.get_running_loop().sock_connect(made, self._target)
            return await asyncio.open_connection(sock=made)
        except BaseException:
            made.close()
            raise
