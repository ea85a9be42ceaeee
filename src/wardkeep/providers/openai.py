"""OpenAI's protocol, also spoken by on-premises servers (vLLM, Ollama, llama.cpp).

`base_url` ends in the version, as in the SDKs: `https://us.api.openai.com/v1`.
"""

from dataclasses import dataclass

from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of
from wardkeep.transport.pool import Pool, UpstreamRequest


@dataclass(frozen=True, slots=True)
class OpenAI:
    """`Provider` for `POST {base_url}/chat/completions`, `/responses` and `/embeddings`."""

    pool: Pool

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        routed = opened.routed
        surface = routed.safe.permitted.identified.call.surface
        headers: list[tuple[str, str | Secret[str]]] = [("content-type", "application/json")]
        if credential is not None:
            headers.append(("authorization", Secret(f"Bearer {credential.reveal()}")))
        headers += notices_of(opened)
        return await self.pool.open(
            UpstreamRequest(
                method="POST",
                url=routed.deployment.base_url + surface.value.removeprefix("/v1"),
                headers=tuple(headers),
                body=routed.upstream_body,
                origin=origin_of(routed.deployment),
                peer_key=opened.peer_key,
                timeouts=timeouts_of(routed.deployment),
            )
        )
