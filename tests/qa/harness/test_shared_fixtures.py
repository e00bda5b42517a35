"""The runner's @shared labs: made once, reset between tests, removed after a failure."""

import contextlib
import io

from qa.harness import runner
from qa.harness.runner import shared

made = []


class Counter:
    def __init__(self, lab):
        self.lab = lab
        self.resets = 0

    async def reset(self):
        self.resets += 1


@shared()
async def counter(lab):
    made.append(lab)
    yield Counter(lab)


async def first(counter):
    assert counter.resets == 0


async def second(counter):
    assert counter.resets == 1


async def failing(counter):
    assert counter.resets == 2
    raise AssertionError("planted")


async def after_the_failure(counter):
    assert counter.resets == 0, "a lab in which a test failed was used again"


async def unknown(nothing_of_that_name):
    pass


async def run(*functions):
    made.clear()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        results = await runner.run_all([(function.__name__, function) for function in functions], None)
    return [result["ok"] for result in results], printed.getvalue()


async def test_a_shared_lab_is_reset_between_tests_and_made_anew_after_a_failure():
    verdicts, printed = await run(first, second, failing, after_the_failure)
    assert verdicts == [True, True, False, True], printed
    assert "planted" in printed
    assert len(made) == 2 and not any(lab.folder.exists() for lab in made), made


async def test_a_parameter_without_a_fixture_fails_by_name():
    verdicts, printed = await run(unknown)
    assert verdicts == [False] and "'nothing_of_that_name'" in printed, printed
