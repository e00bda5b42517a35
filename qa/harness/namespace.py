"""Sockets inside a network namespace, made from this process.

A socket keeps the namespace it was made in. So one thread per namespace enters it and does
nothing but make sockets; they are then used from the event loop like any other.
"""

import concurrent.futures
import ctypes
import os
import socket

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """The network namespace that `ip netns` calls `name`."""

    def __init__(self, name):
        self.name = name
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=f"netns-{name}")
        try:
            self._thread.submit(_enter, f"/run/netns/{name}").result()
        except OSError:
            self._thread.shutdown()
            raise

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        """A fresh non-blocking socket of this namespace."""
        return self._thread.submit(_non_blocking_socket, family, kind).result()

    def close(self):
        self._thread.shutdown()


class OwnNamespace:
    """The namespace this process is in, with the same face."""

    name = ""

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM):
        return _non_blocking_socket(family, kind)

    def close(self):
        pass


def _enter(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter the namespace {path}: {os.strerror(number)}")
    finally:
        os.close(descriptor)


def _non_blocking_socket(family, kind):
    made = socket.socket(family, kind)
    made.setblocking(False)
    return made
