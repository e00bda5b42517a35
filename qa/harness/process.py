"""A daemon that a test starts, watches and ends."""

import asyncio
import os
import pathlib
import signal
import time

STOP_SECONDS_MAX = 10.0  # a daemon asked to end gets this long before it is killed
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Process:
    """Starts `argv` with its output in a log file. It dies with this process, however that ends.

    `argv` must end in the daemon itself by exec (as `netlab.sh run` does), so that `pid` is it.
    """

    def __init__(self, name, argv, log, environment=None, folder=None):
        self.name = name
        self.log = pathlib.Path(log)
        self._argv = [str(word) for word in argv]
        self._environment = {**os.environ, **(environment or {})}
        self._folder = folder
        self._child = None

    async def start(self):
        assert not self.running, f"{self.name} is running already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as output:
            # In a session of its own: Ctrl-C is for the one who started the tests, who then
            # ends each daemon in order. The signal on the parent's death covers kill -9.
            self._child = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", "--", *self._argv,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                env=self._environment, cwd=self._folder, start_new_session=True)
        return self

    @property
    def pid(self):
        assert self._child is not None, f"{self.name} was never started"
        return self._child.pid

    @property
    def running(self):
        return self._child is not None and self._child.returncode is None

    @property
    def exit_code(self):
        """None while it runs; negative: ended by that signal."""
        return None if self._child is None else self._child.returncode

    def assert_running(self):
        if not self.running:
            raise ProcessEnded(f"{self.name} ended with code {self.exit_code}; the end of its log:\n"
                               f"{self.log_tail()}")

    async def wait(self, seconds):
        """The exit code, once it ended by itself."""
        try:
            async with asyncio.timeout(seconds):
                return await self._child.wait()
        except TimeoutError:
            raise AssertionError(f"{self.name} still runs after {seconds} s:\n{self.log_tail()}") from None

    def signal(self, number):
        if self.running:
            self._child.send_signal(number)

    async def stop(self):
        """SIGTERM; returns the seconds until it was gone. Too slow: killed and AssertionError."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        if self.running:
            try:
                async with asyncio.timeout(STOP_SECONDS_MAX):
                    await self._child.wait()
            except TimeoutError:
                await self.kill()
                raise AssertionError(f"{self.name} did not end within {STOP_SECONDS_MAX} s of SIGTERM:\n"
                                     f"{self.log_tail()}") from None
        return time.monotonic() - began

    async def kill(self):
        """SIGKILL, and gone when this returns."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            await self._child.wait()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)

    def memory_kib(self):
        """Resident memory now, in KiB."""
        return self._status_kib("VmRSS")

    def memory_peak_kib(self):
        return self._status_kib("VmHWM")

    def cpu_seconds(self):
        """User and system time of all threads since its start."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=15):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _status_kib(self, field):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise LookupError(f"{self.name}: no {field} in /proc/{self.pid}/status")


async def run_to_end(*argv, seconds, environment=None, stdin=None):
    """(exit code, standard output, standard error) of a command. What is not over in time is
    killed, with asyncio.TimeoutError."""
    child = await asyncio.create_subprocess_exec(
        *map(str, argv), env={**os.environ, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(seconds):
            output, errors = await child.communicate(stdin)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode, output.decode(errors="replace"), errors.decode(errors="replace")


class ProcessEnded(Exception):
    """It is gone, so no waiting helps."""
