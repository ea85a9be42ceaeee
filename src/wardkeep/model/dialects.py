"""The vendor protocols: which endpoints each serves in the client's own wire format, and what it wants in the body.

A call whose endpoint a dialect serves goes there byte-equal but for its edits; members that stand in the address or the
headers instead are left out, members the protocol wants are put in. Sources: Azure OpenAI v1 API; Amazon Bedrock
InvokeModel with Anthropic's Messages format; Vertex AI partner models (rawPredict) and its OpenAI-compatible endpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wardkeep.model.registry import Surface
from wardkeep.model.wire.converse import to_converse


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One vendor protocol.

    `native` are the endpoints it serves, `insert` members (as JSON) and `without` names as above; `betas_in_body` puts
    the client's beta names there; `needs_source_region` is a protocol whose signature names the region it enters by,
    `needs_token` one whose credential is exchanged for a token first,
    `translate` says the client's body in the protocol's own format and refuses what that has no word for.
    """

    native: frozenset[Surface]
    insert: bytes = b""
    without: frozenset[str] = frozenset()
    betas_in_body: bool = False
    needs_source_region: bool = False
    needs_token: bool = False
    translate: Callable[[bytes], bytes] | None = None


_CHAT: Final = frozenset({Surface.OPENAI_CHAT})
_OPENAI: Final = _CHAT | {Surface.OPENAI_RESPONSES, Surface.OPENAI_EMBEDDINGS}
_MESSAGES: Final = frozenset({Surface.ANTHROPIC_MESSAGES})

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {
        "openai": Dialect(native=_OPENAI),
        "azure-openai": Dialect(native=_OPENAI),
        "vertex-openai": Dialect(native=_CHAT, without=frozenset({"store"}), needs_token=True),
        "anthropic": Dialect(native=_MESSAGES | {Surface.ANTHROPIC_COUNT_TOKENS}),
        "bedrock-anthropic": Dialect(
            native=_MESSAGES,
            insert=b'"anthropic_version":"bedrock-2023-05-31"',
            without=frozenset({"model", "stream"}),
            betas_in_body=True,
            needs_source_region=True,
        ),
        "bedrock-converse": Dialect(native=_CHAT, translate=to_converse, needs_source_region=True),
        "vertex-anthropic": Dialect(
            native=_MESSAGES,
            insert=b'"anthropic_version":"vertex-2023-10-16"',
            without=frozenset({"model"}),
            needs_token=True,
        ),
    }
)


def serves(dialect: str, surface: Surface) -> bool:
    """Whether a dialect serves an endpoint in the client's own format. An unknown dialect serves nothing."""
    found = DIALECTS.get(dialect)
    return found is not None and surface in found.native
