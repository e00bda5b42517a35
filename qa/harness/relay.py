"""Bytes passed on between two connections, as they come."""

import asyncio

PIECE_BYTES = 65_536


async def relay(reader, writer, far_reader, far_writer):
    """Until both ways have ended. What one side closes or resets is closed on the other."""
    await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))


async def _pass_on(reader, writer):
    try:
        while data := await reader.read(PIECE_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
