"""A private PostgreSQL in a folder, on a Unix socket only, gone with whoever started it."""

import asyncio
import os
import pathlib
import pwd
import shutil
import signal
import tempfile
from urllib.parse import parse_qs, urlsplit

from qa.harness.process import Process
from qa.harness.waiting import wait_until

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
READY_SECONDS_MAX = 60  # after a kill it first syncs its whole folder, slow on a busy disk
# Without the user's own settings, plain rows, an exit code other than 0 after an error.
PSQL = ("psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1")
SOCKET_PATH_BYTES_MAX = 100  # the kernel takes 107, the socket's own name needs some of them


def rows_of(output):
    """What PSQL printed, as lists of strings."""
    return [line.split("\t") for line in output.splitlines()]


async def query_store_database(till, address, sql):
    """Rows as lists of strings, asked in the till's host at the address that it tells."""
    parts = urlsplit(address)
    code, output, errors = await till.lab.run(
        till.host, *PSQL, "-h", parse_qs(parts.query)["host"][0], "-U",
        parts.username or "postgres", "-d", parts.path.lstrip("/"), "-c", sql)
    if code != 0:
        raise OSError(f"{till.name}: its store database does not answer: {errors.strip()}")
    return rows_of(output)


class Postgres:
    """`url(database)` is what programs connect to. Runs as user postgres when started by root."""

    def __init__(self, folder, name="postgres", processes=None):
        self.folder = pathlib.Path(folder)
        self.name = name
        self.data = self.folder / "data"
        self.process = None
        self._processes = processes if processes is not None else []
        self._socket_folder = self.folder
        self._short_folder = None

    async def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if len(os.fsencode(self.folder)) > SOCKET_PATH_BYTES_MAX - len(".s.PGSQL.5432"):
            self._short_folder = self._short_folder or tempfile.mkdtemp(prefix="titan-pg-")
            self._socket_folder = pathlib.Path(self._short_folder)
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            for folder in (self.folder, self._socket_folder):
                os.chown(folder, account.pw_uid, account.pw_gid)
        if not (self.data / "PG_VERSION").exists():
            await self._run("initdb", "--pgdata", self.data, "--auth=trust", "--username=postgres",
                            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.process = Process(
            self.name,
            [*self._as_postgres(), PROGRAMS / "postgres", "-D", self.data,
             "-c", "listen_addresses=", "-c", f"unix_socket_directories={self._socket_folder}",
             "-c", "shared_buffers=32MB", "-c", "max_connections=50"],
            self.folder.parent / f"{self.name}.log", folder=self.folder)
        self._processes.append(self.process)
        await self.process.start()
        await self.ready()

    async def ready(self):
        async def answers():
            self.process.assert_running()
            return (await self._try("pg_isready", "-q", "-h", self._socket_folder))[0] == 0
        await wait_until(answers, READY_SECONDS_MAX, f"{self.name} answers", every=0.05)

    async def create_database(self, name):
        await self.query(f'CREATE DATABASE "{name}"', database="postgres")

    async def query(self, sql, database="postgres"):
        """Rows as lists of strings."""
        output = await self._run(*PSQL, "-h", self._socket_folder, "-U", "postgres", "-d", database,
                                 "-c", sql)
        return rows_of(output)

    def url(self, database="postgres"):
        return f"postgresql:///{database}?host={self._socket_folder}&user=postgres"

    async def stop(self):
        """SIGINT: PostgreSQL's fast shutdown, which does not wait for its clients."""
        self.process.signal(signal.SIGINT)
        await self.process.wait(20)
        self._remove_short_folder()

    async def kill(self):
        """kill -9 of the server; its workers notice and end."""
        await self.process.kill()

    def _remove_short_folder(self):
        if self._short_folder:
            shutil.rmtree(self._short_folder, ignore_errors=True)

    def _as_postgres(self):
        if os.geteuid() != 0:
            return []
        # The signal must be asked for after the change of user, which clears it.
        return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                "--pdeathsig", "INT", "--"]

    async def _try(self, program, *arguments):
        child = await asyncio.create_subprocess_exec(
            *self._as_postgres(), str(PROGRAMS / program), *map(str, arguments), cwd="/",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE)
        output, errors = await child.communicate()
        return child.returncode, output.decode(), errors.decode()

    async def _run(self, program, *arguments):
        code, output, errors = await self._try(program, *arguments)
        if code != 0:
            raise RuntimeError(f"{program} failed ({code}):\n{errors}{output}")
        return output
