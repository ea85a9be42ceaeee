"""Ask a time-stamping authority, and check what it says (RFC 3161), by `rfc3161-client` (extra `timestamps`).

A token proves that a head existed at a time that neither the log's operator nor its witnesses state. The one-file
verifier checks tokens again by its own code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from wardkeep.crypto.errors import SignatureInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampQuery:
    """What is sent, and how its answer is checked: `check(response)` returns the authority's time."""

    der: bytes
    check: Callable[[bytes], datetime]


def timestamp_query(message: bytes, roots: bytes) -> TimestampQuery:
    """Return the query for a message, under the root certificates (PEM) that are trusted.

    Raises:
        SignatureInvalid: the extra is not installed, or the roots are no certificates.
    """
    try:
        from rfc3161_client import (  # noqa: PLC0415 - an optional dependency
            TimestampRequestBuilder,
            VerificationError,
            VerifierBuilder,
            decode_timestamp_response,
        )
    except ImportError as error:
        raise SignatureInvalid("time stamps need the extra `timestamps`: pip install 'wardkeep[timestamps]'") from error
    try:
        trusted = x509.load_pem_x509_certificates(roots)
    except ValueError as error:
        raise SignatureInvalid("`ledger.timestamp_roots` holds no certificates in PEM") from error
    request = TimestampRequestBuilder().data(message).nonce(nonce=True).cert_request(cert_request=True).build()

    def check(response: bytes) -> datetime:
        # A new builder each time: 1.0.9 appends to lists that copies of a builder share.
        builder = VerifierBuilder(roots=list(trusted), nonce=request.nonce)
        try:
            parsed = decode_timestamp_response(response)
            builder.build().verify_message(parsed, message)
        except (ValueError, VerificationError) as error:
            raise SignatureInvalid("the authority's time stamp does not verify") from error
        return parsed.tst_info.gen_time

    return TimestampQuery(der=request.as_bytes(), check=check)
