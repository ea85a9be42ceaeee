"""What a provider is: the seam between the road and a vendor's protocol.

Implementations: `openai`, `anthropic`, `azure`, `bedrock`, `vertex`; on-premises servers speak one of the first two.
"""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Protocol

from wardkeep.model.access import DataClass
from wardkeep.model.part2 import NOTICE
from wardkeep.model.registry import Deployment
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.transport.pool import Origin, Timeouts
from wardkeep.transport.tls import TlsDemands


class VendorAnswer(Protocol):
    """An answer in the client's wire format, its body still arriving. Whoever holds it closes it."""

    status: int
    headers: list[tuple[bytes, bytes]]

    async def read(self) -> bytes:
        """Return what has arrived, or wait for it; empty at the end. Raises TransportError."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives. Raises TransportError."""

    async def close(self) -> None:
        """Let go; an answer that is not complete takes its connection with it."""


class Provider(Protocol):
    """Sends one routed, recorded call to its deployment.

    Takes `Opened`, which exists only after an agreement covered the call and its request record is durable. Sends the
    body exactly as routed, once; never retries by itself, follows no redirect, and uses no address but the
    deployment's (and, where the protocol has one, its token endpoint). Raises the errors of `transport.errors`, and
    `RefusalError` when the credential is not what the protocol needs; an HTTP error status is an answer, not an error.
    The credential is taken anew for each call, so a new one holds from the next call on.
    """

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""


def notices_of(opened: Opened) -> list[tuple[str, str | Secret[str]]]:
    """Return the header that goes with substance use disorder records, as their disclosure asks (42 CFR 2.32(a))."""
    is_part2 = DataClass.PART2 in opened.routed.safe.permitted.data_classes
    return [("wardkeep-notice", NOTICE)] if is_part2 else []


def timeouts_of(deployment: Deployment) -> Timeouts | None:
    """Return how long a deployment may take; None is as long as the pool allows anybody."""
    if deployment.silence_seconds is None and deployment.total_seconds is None:
        return None
    usual = Timeouts()
    silence, total = deployment.silence_seconds, deployment.total_seconds
    return Timeouts(
        connect_seconds=usual.connect_seconds,
        read_seconds=usual.read_seconds if silence is None else float(silence),
        total_seconds=None if total is None else float(total),
    )


def origin_of(deployment: Deployment) -> Origin:
    """Return where a deployment is reached and what its TLS must show."""
    return _origin(deployment, deployment.base_url)


def token_origin_of(deployment: Deployment) -> Origin | None:
    """Return where a deployment's credential is exchanged for a token, if it is."""
    return None if deployment.token_url is None else _origin(deployment, deployment.token_url)


def _origin(deployment: Deployment, url: str) -> Origin:
    authority = None if deployment.ca_file is None else Path(deployment.ca_file)
    return Origin(
        url=url,
        tls=TlsDemands(authority=authority),
        is_plain_allowed=deployment.allow_plain_http,
        pins=deployment.pins,
        is_attested=deployment.attestation is not None,
    )
