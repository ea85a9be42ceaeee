"""What a provider is: the seam between the road and a vendor's protocol.

Implementations: `openai` and `anthropic`; on-premises servers speak one of the two.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.transport.pool import UpstreamResponse


class Provider(Protocol):
    """Sends one routed, recorded call to its deployment.

    Takes `Opened`, which exists only after an agreement covered the call and its request record is durable. Sends the
    body exactly as routed, once; never retries by itself, follows no redirect, and uses no address but the
    deployment's. Raises the errors of `transport.errors`; an HTTP error status is an answer, not an error.
    """

    async def send(self, opened: Opened, credential: Secret[str] | None) -> UpstreamResponse:
        """Return the vendor's answer with its body unread."""


Chunks = AsyncIterator[bytes]
