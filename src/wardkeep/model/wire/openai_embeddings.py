"""`POST /v1/embeddings`, as the `openai` SDK 3.x sends it.

Source: OpenAI API reference, "Create embeddings". What is embedded is PHI like a prompt, and so is the vector: it is
read and masked before, sealed in the ledger after. Token arrays cannot be read, so they are refused.
"""

from types import MappingProxyType
from typing import Final

from wardkeep.model.reasons import Reason
from wardkeep.model.wire.grammar import Either, Many, Mark, Number, Opaque, Own, Record, Text, words

REQUEST: Final = Record(
    MappingProxyType(
        {
            "wardkeep": Mark("wardkeep", Own()),
            "model": Mark("model", Opaque()),
            "input": Either(Text(), Many(Either(Text(), otherwise=Reason.CONTENT_UNREADABLE))),
            "dimensions": Number(),
            "encoding_format": words("float", "base64"),
            "user": Text(),
        }
    ),
    frozenset({"model", "input"}),
)
