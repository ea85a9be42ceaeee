"""Random bytes for ids and nonces, drawn from the system's generator in larger portions.

A system call for each twelve bytes lets go of the interpreter each time. Nothing drawn here is a key: what is taken
but not yet used is a nonce or an id, and those are public. A process that forks would hand out the same bytes twice;
nothing here forks without executing another program.
"""

import os
from typing import Final

_PORTION_BYTES: Final = 8192


class Randomness:
    """Hands out random bytes; each is handed out once. One for each event loop: not safe for threads."""

    __slots__ = ("_at", "_portion")

    def __init__(self) -> None:
        self._portion = b""
        self._at = 0

    def __repr__(self) -> str:
        return "Randomness()"

    def __call__(self, length: int) -> bytes:
        """Return `length` fresh random bytes."""
        end = self._at + length
        if end > len(self._portion):
            self._portion = os.urandom(max(_PORTION_BYTES, length))
            self._at, end = 0, length
        taken = self._portion[self._at : end]
        self._at = end
        return taken
