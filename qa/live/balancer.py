"""In front of several gateways of the cloud: each new connection goes to the next one.

    python3 balancer.py PORT GATEWAY-PORT...

Bytes pass as they come; a connection that one side closes or resets is closed on the other.
"""

import asyncio
import itertools
import sys

PIECE_BYTES = 65_536


async def pass_on(reader, writer):
    try:
        while data := await reader.read(PIECE_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(port, gateways):
    turn = itertools.cycle(gateways)

    async def on_client(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", next(turn))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))
    async with await asyncio.start_server(on_client, "0.0.0.0", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), [int(word) for word in sys.argv[2:]]))
