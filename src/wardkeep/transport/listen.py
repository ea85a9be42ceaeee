"""Listening sockets: TCP and Unix.

Binding is separate from serving so that one parent can bind and several workers can accept, and so that a wrong
address fails before anything else starts. Nothing here reads a byte.
"""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BACKLOG: Final = 1024
_LONGEST_NAME: Final = 107

Listener = socket.socket


def inherited(descriptor: int) -> Listener:
    """Return the listening socket that a parent process handed down by its descriptor. Raises OSError."""
    return socket.socket(fileno=descriptor)


def bind(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """Bind and listen on an address literal or name. `reuse_port` lets equal workers share it. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            # Any process of the same user may join such a group and receive calls; ask for it only with workers.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # Answers are written whole; waiting to fill a segment would only add delay to streams.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a name by which a socket can be bound or connected, however long its directory's path is.

    A socket's name holds 107 bytes (sockaddr_un(7)); a longer path is reached through its opened directory.
    """
    if len(os.fsencode(path)) <= _LONGEST_NAME:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def bind_unix(path: Path, mode: int = 0o600) -> socket.socket:
    """Bind and listen on a Unix socket that only its owner may open. Raises OSError, also when somebody listens there.

    The mode is set before `listen`, so there is no moment in which another user could connect.
    """
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as name:
            listener.bind(name)
        path.chmod(mode)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    except OSError:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket that a dead process left behind; never one that answers, never anything but our own socket."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.geteuid():
        raise FileExistsError("the socket's path is taken by something else")
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(path) as name:
            probe.connect(name)
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)
    else:
        raise FileExistsError("another process listens on this socket")
    finally:
        probe.close()
