"""Passwords that are known from breaches (NIST SP 800-63B section 3.1.1.2), looked up in a local file.

The file is the one that "Have I Been Pwned" offers for download, ordered by hash: lines of 40 hexadecimal symbols of
SHA-1, a colon and a count. A lookup reads some forty lines
of it. Nothing is asked over a network.
"""

import mmap
from hashlib import sha1
from pathlib import Path
from typing import Final

_HASH_SYMBOLS: Final = 40


def is_breached(password: str, listed: Path) -> bool:
    """Whether the password stands in the list; a list that is absent or empty holds none."""
    if not listed.is_file() or listed.stat().st_size == 0:
        return False
    wanted = sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with listed.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
        low, high = 0, len(lines)
        while low < high:
            middle = (low + high) // 2
            start = lines.rfind(b"\n", 0, middle) + 1
            found = lines[start : start + _HASH_SYMBOLS].upper()
            if found == wanted:
                return True
            end = lines.find(b"\n", start)
            if found < wanted:
                low = len(lines) if end < 0 else end + 1
            else:
                high = start
    return False
