"""TLS for both directions: what we serve with and what we demand of vendors (45 CFR 164.312(e)).

TLS 1.3 only (RFC 8446): it has no renegotiation, no compression and no cipher without forward secrecy, so there is
nothing left to switch off. Certificates are always verified towards vendors; there is no option not to.
"""

import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

X25519_MLKEM768: Final = 0x11EC
"""The hybrid of X25519 and ML-KEM-768 (IANA TLS Supported Groups)."""

_SUPPORTED_GROUPS: Final = 10
_VERSIONS: Final = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """A server's certificate chain and key, and optionally the authority whose certificates its callers may present.

    With `is_client_required` nobody connects without one.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None
    is_client_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsDemands:
    """What a vendor's connection must offer. `authority` (PEM) replaces the public roots by a private one.

    `minimum` of 1.2 is for vendors that have nothing newer; it gives up the guarantees named above.
    """

    minimum: Literal["1.3", "1.2"] = "1.3"
    authority: Path | None = None
    client_identity: Path | None = None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Build the context to serve with. Raises OSError or ssl.SSLError when a file is missing or does not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # No tickets: their key would live as long as the process and decrypt nothing but still link a caller's sessions,
    # and with several workers a resumption would mostly miss.
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    if files.client_authority is not None:
        context.load_verify_locations(files.client_authority)
        context.verify_mode = ssl.CERT_REQUIRED if files.is_client_required else ssl.CERT_OPTIONAL
    return context


class ServedTls:
    """The context to serve with, made anew when its files change: no restart, and no connection is cut.

    A file that is missing, half written or does not fit its fellow changes nothing: what served goes on serving.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Raises OSError or ssl.SSLError when a file is missing or does not fit."""
        self._files = files
        self._stand = self._look()
        self.context = self._current = server_context(files)
        # Called for every handshake, with or without a server name (RFC 8446 section 4.1.2): the newest context
        # answers it, with its certificate and its authority. That a caller must show one is not changed by a file.
        self.context.sni_callback = self._take_current

    def refresh(self) -> bool | None:
        """Take up changed files; blocks on the disk. True when they were taken up, None when they do not fit (once)."""
        try:
            stand = self._look()
        except OSError:
            stand = ()
        if stand == self._stand:
            return False
        self._stand = stand
        try:
            self._current = server_context(self._files)
        except OSError:  # ssl.SSLError is one
            return None
        return True

    def _take_current(self, line: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:  # noqa: ARG002
        line.context = self._current

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        """Return what tells a changed file from an unchanged one; a replaced one has another inode."""
        files = (self._files.certificate, self._files.key, self._files.client_authority)
        told = [each.stat() for each in files if each is not None]
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in told)


def offered_groups(context: ssl.SSLContext) -> frozenset[int]:
    """Return the key exchange groups that a client with this context offers, read out of its own ClientHello.

    Python's `ssl` cannot be asked. RFC 8446 section 4.1.2 for the message, 4.2.7 for the extension.
    """
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="vendor.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    hello = sent.read()[5 + 4 + 2 + 32 :]  # record and message headers, version, random
    at = 1 + hello[0]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2], "big")  # cipher suites
    at += 1 + hello[at] + 2  # compression methods, length of the extensions
    while at < len(hello):
        kind, size = (int.from_bytes(hello[at + shift : at + shift + 2], "big") for shift in (0, 2))
        if kind == _SUPPORTED_GROUPS:
            body = hello[at + 6 : at + 4 + size]
            return frozenset(int.from_bytes(body[each : each + 2], "big") for each in range(0, len(body), 2))
        at += 4 + size
    return frozenset()


def database_context(authority: Path | None) -> ssl.SSLContext:
    """Build the context to reach a database with: 1.3, server verified. Raises OSError or ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def vendor_context(demands: TlsDemands) -> ssl.SSLContext:
    """Build the context to call a vendor with. Raises OSError or ssl.SSLError when a file is missing or does not fit.

    With an `authority` only that one is trusted; otherwise the system's public roots are.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=demands.authority)
    context.minimum_version = _VERSIONS[demands.minimum]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    if demands.client_identity is not None:
        context.load_cert_chain(demands.client_identity)
    return context
