"""Syslog over TLS (RFC 5424, 5425; octet counting of RFC 6587 section 3.4.1), for sinks that must lose nothing.

Syslog has no acknowledgement: bytes that the network took may still be lost with the receiver. So each delivery is one
connection that we end, and it counts only when the receiver ends it too: a receiver that closes in order has taken all
bytes off its socket, one that dies with unread bytes resets the connection. What did not count is sent again, so a
receiver may get an entry twice; entries have an id.

Blocking; it is called from a thread, and every step has a deadline.
"""

import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from wardkeep.transport.errors import SinkFailed
from wardkeep.transport.tls import TlsDemands, vendor_context

# facility 13, log audit; severity 5, notice (RFC 5424 section 6.2.1)
_PRIORITY: Final = 13 * 8 + 5
_NAME: Final = re.compile(r"[^!-~]")
_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogReceiver:
    """Where messages go. `authority` (PEM) replaces the public roots; there is no way not to verify.

    `may_end_plainly` is for receivers that never send TLS's own goodbye: the end of the connection then counts as read.
    """

    host: str
    port: int
    authority: Path | None = None
    may_end_plainly: bool = False
    connect_seconds: float = 10.0
    step_seconds: float = 20.0


def syslog_message(*, at: datetime, host: str, kind: str, content: bytes) -> bytes:
    """Return one framed message. `kind` is the MSGID; host and kind are cut to what the grammar allows."""
    head = f"<{_PRIORITY}>1 {at.isoformat()} {_name(host, 255)} wardkeep - {_name(kind, 32)} - "
    message = head.encode() + content
    return b"%d %b" % (len(message), message)


def deliver(receiver: SyslogReceiver, frames: Sequence[bytes]) -> None:
    """Send the frames over a connection of their own and return when the receiver has ended it in order.

    Raises:
        SinkFailed: not all is known to have been taken; send it again.
    """
    try:
        context = vendor_context(TlsDemands(authority=receiver.authority))
        context.set_alpn_protocols([])
        with (
            socket.create_connection((receiver.host, receiver.port), timeout=receiver.connect_seconds) as plain,
            context.wrap_socket(plain, server_hostname=receiver.host) as line,
        ):
            line.settimeout(receiver.step_seconds)
            content = b"".join(frames)
            for at in range(0, len(content), _PIECE_BYTES):
                line.sendall(content[at : at + _PIECE_BYTES])
            _end(line, may_end_plainly=receiver.may_end_plainly)
    except (OSError, ValueError) as error:
        raise SinkFailed(f"the receiver did not take all ({type(error).__name__})") from error


def _end(line: ssl.SSLSocket, *, may_end_plainly: bool) -> None:
    """Say that nothing follows, and wait until the receiver has read all of it and says the same."""
    try:
        line.unwrap()
    except ssl.SSLEOFError:
        # It closed without TLS's own goodbye. With bytes unread its kernel would have reset the connection instead.
        if not may_end_plainly:
            raise


def _name(text: str, longest: int) -> str:
    return _NAME.sub("_", text)[:longest] or "-"
