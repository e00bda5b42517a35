"""Waiting for a condition instead of sleeping."""

import asyncio
import inspect
import time

# What a condition may meet while the thing it asks is still starting, or cut off.
NOT_YET = (AssertionError, OSError, asyncio.TimeoutError, LookupError)

# A pause between two questions that took longer by this: the whole machine stood still (a virtual
# one that was suspended), and with it whatever is waited for. That time does not count.
STAND_STILL_SECONDS = 2.0


async def wait_until(condition, seconds, what, every=0.02, seen=None):
    """Calls `condition` (plain or async) until it returns something true, and returns that.

    A condition that raises one of NOT_YET is asked again. When `seconds` run out, raises
    AssertionError naming `what` and the last thing seen: `seen()` if given, else the condition's
    last answer or exception.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
            if answer:
                return answer
        except NOT_YET as error:
            answer = error
        asked = time.monotonic()
        if asked >= ends:
            last = seen() if seen else answer
            if isinstance(last, BaseException):
                last = f"{type(last).__name__}: {last}"
            raise AssertionError(f"{what}: not within {seconds} s; last seen: {last}")
        await asyncio.sleep(every)
        stood_still = time.monotonic() - asked - every
        if stood_still > STAND_STILL_SECONDS:
            ends += stood_still
