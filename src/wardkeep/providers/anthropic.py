"""Anthropic's protocol. `base_url` is the bare origin, as in the SDK: `https://api.anthropic.com`."""

from dataclasses import dataclass

from wardkeep.model.sensitive import Secret
from wardkeep.model.stages import Opened
from wardkeep.providers.contract import VendorAnswer, notices_of, origin_of, timeouts_of
from wardkeep.transport.pool import Pool, UpstreamRequest


@dataclass(frozen=True, slots=True)
class Anthropic:
    """`Provider` for `POST {base_url}/v1/messages` and `/v1/messages/count_tokens`."""

    pool: Pool

    async def send(self, opened: Opened, credential: Secret[str] | None) -> VendorAnswer:
        """Return the vendor's answer with its body unread."""
        routed = opened.routed
        call = routed.safe.permitted.identified.call
        headers: list[tuple[str, str | Secret[str]]] = [
            ("content-type", "application/json"),
            ("anthropic-version", call.anthropic_version),
        ]
        if routed.safe.betas:
            headers.append(("anthropic-beta", ",".join(routed.safe.betas)))
        if credential is not None:
            headers.append(("x-api-key", credential))
        headers += notices_of(opened)
        return await self.pool.open(
            UpstreamRequest(
                method="POST",
                url=f"{routed.deployment.base_url}{call.surface.value}",
                headers=tuple(headers),
                body=routed.upstream_body,
                origin=origin_of(routed.deployment),
                peer_key=opened.peer_key,
                timeouts=timeouts_of(routed.deployment),
            )
        )
