"""In front of several gateways of the cloud: each new connection goes to the next one.

    python3 balancer.py PORT GATEWAY-PORT...

Bytes pass as they come; a connection that one side closes or resets is closed on the other.
"""

import asyncio
import itertools
import pathlib
import sys

if __name__ == "__main__":  # started by path: the packages lie two folders up
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from qa.harness.relay import relay  # noqa: E402


async def main(port, gateways):
    turn = itertools.cycle(gateways)

    async def on_client(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", next(turn))
        except OSError:
            writer.close()
            return
        await relay(reader, writer, far_reader, far_writer)
    async with await asyncio.start_server(on_client, "0.0.0.0", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
