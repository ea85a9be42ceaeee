"""Azure OpenAI's protocol: OpenAI's wire format under the resource's own address, with the key in `api-key`.

`base_url` is `https://RESOURCE.openai.azure.com/openai/v1` (the v1 API; the deployment's name is the model), or the
resource's bare origin for the dated API, whose path names the deployment.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from wardkeep.model.registry import Deployment, Surface
from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of
from wardkeep.transport.pool import Pool, UpstreamRequest

API_VERSION: Final = "2024-10-21"


@dataclass(frozen=True, slots=True)
class Azure:
    """`Provider` for chat completions, responses and embeddings of an Azure OpenAI deployment."""

    pool: Pool

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        routed = opened.routed
        headers: list[tuple[str, str | Secret[str]]] = [("content-type", "application/json")]
        if credential is not None:
            headers.append(("api-key", credential))
        headers += notices_of(opened)
        return await self.pool.open(
            UpstreamRequest(
                method="POST",
                url=_address(routed.deployment, routed.safe.permitted.identified.call.surface),
                headers=tuple(headers),
                body=routed.upstream_body,
                origin=origin_of(routed.deployment),
                peer_key=opened.peer_key,
                timeouts=timeouts_of(routed.deployment),
            )
        )


def _address(deployment: Deployment, surface: Surface) -> str:
    base = deployment.base_url.rstrip("/")
    place = surface.value.removeprefix("/v1")
    if base.endswith("/openai/v1"):
        return base + place
    if surface is Surface.OPENAI_RESPONSES:
        # The dated API has no path of a deployment for it; the same resource serves it under v1.
        return f"{base}/openai/v1{place}"
    return f"{base}/openai/deployments/{quote(deployment.model, safe='')}{place}?api-version={API_VERSION}"
