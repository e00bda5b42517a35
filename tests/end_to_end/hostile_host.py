"""What a host on the LAN can do that holds no key of ours: connections, greetings, announcements.

Plain input of the protocols we listen to, of the kinds and amounts that a broken or hostile device
sends. A HostileHost lives in one host of the lab and closes what it opened.
"""

import asyncio
import contextlib
import hashlib
import socket
import struct

from qa.harness.waiting import wait_until

MDNS = ("224.0.0.251", 5353)
FRAME_BYTES = 1024 * 1024
ZMTP_GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32)


class HostileHost:
    def __init__(self, lab, host):
        self.namespace = lab.namespace(host)
        self.address = lab.address(host)
        self._sockets = []
        self._listening = []

    async def connect(self, address, port, seconds=1.0):
        """A connection, or None if it was not to be had."""
        made = self.namespace.socket()
        self._sockets.append(made)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.get_running_loop().sock_connect(made, (address, port))
        except (OSError, TimeoutError):
            return None
        return made

    async def send(self, made, data, seconds=2.0):
        """How much of it the other side took."""
        loop = asyncio.get_running_loop()
        sent = 0
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                while sent < len(data):
                    piece = data[sent:sent + 65536]
                    await loop.sock_sendall(made, piece)
                    sent += len(piece)
        return sent

    async def half_a_greeting(self, address, port):
        """A greeting of ZMTP, and a command of a megabyte that lacks its last byte."""
        made = await self.connect(address, port)
        if made is not None:
            await self.send(made, ZMTP_GREETING + b"\x06" + struct.pack(">Q", FRAME_BYTES)
                            + bytes(FRAME_BYTES - 1))
        return made

    async def all_closed(self, made, seconds):
        """Waits until the other side has ended each of them."""
        def still_open():
            return sum(not self._is_closed(one) for one in made)

        await wait_until(lambda: still_open() == 0, seconds, "the other side closes each of them",
                         seen=lambda: f"{still_open()} of {len(made)} still open")

    @staticmethod
    def _is_closed(made):
        try:
            while made.recv(65536):
                pass
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True

    def listen(self, ports):
        """Takes connections there and says nothing."""
        for port in ports:
            made = self.namespace.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((self.address, port))
            made.listen(64)
            self._sockets.append(made)
            self._listening.append(made)

    def was_dialled(self):
        """How many connections came to where it listens since it was last asked."""
        count = 0
        for listening in self._listening:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self._sockets.append(listening.accept()[0])
                    count += 1
        return count

    def announce(self, settings, ports):
        """Announces a till of the store at each of these ports, as mDNS does (RFC 6762)."""
        made = self.namespace.socket(kind=socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(self.address))
        made.bind(("", MDNS[1]))
        self._sockets.append(made)
        for port in ports:
            with contextlib.suppress(BlockingIOError):
                made.sendto(announcement(settings, f"fake-{port}", self.address, port), MDNS)

    def close(self):
        for made in self._sockets:
            made.close()
        self._sockets.clear()


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def record(owner, kind, data, unique=False):
    return name(owner) + struct.pack(">HHIH", kind, 0x8001 if unique else 1, 120, len(data)) + data


def announcement(settings, till, address, port):
    scope = f"{settings['tenant']}\0{settings['store']}".encode()
    store = hashlib.blake2b(scope, digest_size=32).hexdigest()[:16]
    device = hashlib.blake2b(till.encode(), digest_size=32).hexdigest()
    service = "_titan-mesh._tcp.local"
    instance = f"{till}-{device[:8]}.{service}"
    text = {"v": "1", "tenant": settings["tenant"], "store": settings["store"], "device": device[:32],
            "key": device}
    strings = b"".join(bytes([len(item)]) + item for item in
                       (f"{key}={value}".encode() for key, value in text.items()))
    records = [record(service, 12, name(instance)),
               record(f"_{store}._sub.{service}", 12, name(instance)),
               record(instance, 33, struct.pack(">HHH", 0, 0, port) + name("hostile.local"), True),
               record(instance, 16, strings, True),
               record("hostile.local", 1, socket.inet_aton(address), True)]
    return struct.pack(">HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)
