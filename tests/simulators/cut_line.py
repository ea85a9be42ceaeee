"""A line to a Unix socket that can be cut at a chosen word, before or after the server has heard it."""

import contextlib
import socket
import threading
from pathlib import Path


class CutLine:
    """Passes bytes between callers of `directory` and the server's socket until `word` is sent to the server.

    `is_heard` True: the word is passed on and the answer is waited for, and then the caller is cut off without it.
    False: the word never reaches the server. Each cut is made once; then the line is whole again.
    """

    def __init__(self, directory: Path, server: Path) -> None:
        self.server = server / ".s.PGSQL.5432"
        self.word = b""
        self.is_heard = True
        self.cuts = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(directory / ".s.PGSQL.5432"))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more callers."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self.listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.server))
                for passing in (self._to_server, self._to_caller):
                    threading.Thread(target=passing, args=(caller, server), daemon=True).start()

    def _to_server(self, caller: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := caller.recv(65536):
                if self.word and self.word in data:
                    self.word = b""
                    self.cuts += 1
                    # The caller hears nothing more: its end is shut, so that the answer has nowhere to go.
                    if self.is_heard:
                        caller.shutdown(socket.SHUT_RDWR)
                        server.sendall(data)
                        server.shutdown(socket.SHUT_WR)
                        return
                    break
                server.sendall(data)
        for end in (caller, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _to_caller(self, caller: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                caller.sendall(data)
        for end in (caller, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
