"""The vendor protocols: which endpoints each serves, and what it wants in the body.

A call whose endpoint a dialect serves in the client's own wire format goes there byte-equal but for its edits; members
that stand in the address or the headers instead are left out, members the protocol wants are put in. Dialects that
translate are apart from those that do not, so that an officer records on purpose that a model is asked in other words.
 Sources: Azure OpenAI v1 API; Amazon Bedrock
InvokeModel with Anthropic's Messages format; Vertex AI partner models (rawPredict) and its OpenAI-compatible endpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from wardkeep.model.registry import Surface
from wardkeep.model.wire.chat_as_messages import chat_as_messages
from wardkeep.model.wire.converse import to_converse
from wardkeep.model.wire.messages_as_chat import messages_as_chat


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One vendor protocol.

    `native` are the endpoints it serves, `insert` members (as JSON) and `without` names as above; `betas_in_body` puts
    the client's beta names there; `needs_source_region` is a protocol whose signature names the region it enters by,
    `needs_token` one whose credential is exchanged for a token first,
    `translate` says a client's body of an endpoint in the protocol's own format and refuses what that has no word for;
    `translates_to` is the vendor's endpoint that takes it.
    """

    native: frozenset[Surface] = frozenset()
    insert: bytes = b""
    without: frozenset[str] = frozenset()
    betas_in_body: bool = False
    needs_source_region: bool = False
    needs_token: bool = False
    translate: Mapping[Surface, Callable[[bytes], bytes]] = field(default_factory=dict)
    translates_to: str = ""

    @property
    def serves(self) -> frozenset[Surface]:
        """The endpoints whose calls it takes, in their own format or translated."""
        return self.native | self.translate.keys()


def _messages_to_converse(raw: bytes) -> bytes:
    return to_converse(messages_as_chat(raw))


_CHAT: Final = frozenset({Surface.OPENAI_CHAT})
_OPENAI: Final = _CHAT | {Surface.OPENAI_RESPONSES, Surface.OPENAI_EMBEDDINGS}
_MESSAGES: Final = frozenset({Surface.ANTHROPIC_MESSAGES})
# Bedrock's `/model/{model}/converse` and `converse-stream`: no client here calls them, so no `Surface` names them.
_CONVERSE: Final = "/converse"

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
        "bedrock-converse": Dialect(
            translate=MappingProxyType(
                {Surface.OPENAI_CHAT: to_converse, Surface.ANTHROPIC_MESSAGES: _messages_to_converse}
            ),
            translates_to=_CONVERSE,
            needs_source_region=True,
        ),
        "anthropic-chat": Dialect(
            translate=MappingProxyType({Surface.OPENAI_CHAT: chat_as_messages}),
            translates_to=Surface.ANTHROPIC_MESSAGES.value,
        ),
        "openai-messages": Dialect(
            translate=MappingProxyType({Surface.ANTHROPIC_MESSAGES: messages_as_chat}),
            translates_to=Surface.OPENAI_CHAT.value,
        ),
        "vertex-anthropic": Dialect(
            native=_MESSAGES,
            insert=b'"anthropic_version":"vertex-2023-10-16"',
            without=frozenset({"model"}),
            needs_token=True,
        ),
    }
)


# Everything that a scope and a platform's terms may name.
ENDPOINTS: Final = frozenset(
    {surface.value for surface in Surface} | {each.translates_to for each in DIALECTS.values() if each.translates_to}
)


def serves(dialect: str, surface: Surface) -> bool:
    """Whether a dialect takes calls of an endpoint. An unknown dialect serves nothing."""
    found = DIALECTS.get(dialect)
    return found is not None and surface in found.serves


def endpoint_of(dialect: str, surface: Surface) -> str | None:
    """Return the vendor's endpoint to which a call goes: what a scope and the platform's terms must reach.

    It is the client's own where nothing is translated. None when the dialect does not serve the call.
    """
    found = DIALECTS.get(dialect)
    if found is None or surface not in found.serves:
        return None
    return surface.value if surface in found.native else found.translates_to
