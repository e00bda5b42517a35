"""Waiting for a condition instead of sleeping."""

import asyncio
import inspect
import time

# What a condition may meet while the thing it asks is still starting, or cut off.
NOT_YET = (AssertionError, OSError, asyncio.TimeoutError, LookupError)


async def wait_until(condition, seconds, what, every=0.02, seen=None):
    """Calls `condition` (plain or async) until it returns something true, and returns that.

    A condition that raises one of NOT_YET is asked again. When `seconds` run out, raises
    AssertionError naming `what` and the last thing seen: `seen()` if given, else the condition's
    last answer or exception.
    """
    began = time.monotonic()
    while True:
        try:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return answer
        except NOT_YET as error:
            answer = error
        if time.monotonic() - began >= seconds:
            last = seen() if seen else answer
            if isinstance(last, BaseException):
                last = f"{type(last).__name__}: {last}"
            raise AssertionError(f"{what}: not within {seconds} s; last seen: {last}")
        await asyncio.sleep(every)
