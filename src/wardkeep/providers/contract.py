"""What a provider is: the seam between the road and a vendor's protocol.

Implementations: `openai` and `anthropic`; on-premises servers speak one of the two.
"""

from pathlib import Path
from typing import Protocol

from wardkeep.model.registry import Deployment
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.transport.pool import Origin, UpstreamResponse
from wardkeep.transport.tls import TlsDemands


class Provider(Protocol):
    """Sends one routed, recorded call to its deployment.

    Takes `Opened`, which exists only after an agreement covered the call and its request record is durable. Sends the
    body exactly as routed, once; never retries by itself, follows no redirect, and uses no address but the
    deployment's. Raises the errors of `transport.errors`; an HTTP error status is an answer, not an error.
    """

    async def send(self, opened: Opened, credential: Secret[str] | None) -> UpstreamResponse:
        """Return the vendor's answer with its body unread."""


def origin_of(deployment: Deployment) -> Origin:
    """Return where a deployment is reached and what its TLS must show."""
    authority = None if deployment.ca_file is None else Path(deployment.ca_file)
    return Origin(
        url=deployment.base_url, tls=TlsDemands(authority=authority), is_plain_allowed=deployment.allow_plain_http
    )
