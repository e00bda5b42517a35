"""The LAN on one machine does what it says; qa/netlab/netlab-test.sh has the single checks."""

import asyncio

from qa.harness.lab import ROOT
from qa.harness.runner import limit


@limit(180)
async def test_netlab_checks_itself():
    child = await asyncio.create_subprocess_exec(
        str(ROOT / "qa" / "netlab" / "netlab-test.sh"), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    try:
        output = (await child.communicate())[0].decode(errors="replace")
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()
    failures = [line for line in output.splitlines() if line.startswith("FAIL")]
    assert child.returncode == 0 and not failures, "\n".join(failures) or output[-2000:]
