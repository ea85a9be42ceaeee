"""What each role may do with health information through a model: minimum necessary as data.

45 CFR 164.502(b), 164.514(d). One row a role. A call must fit one row whole; nothing is joined across roles, because
two narrow permissions side by side are not a wide one. A role without a row, and a person or application without a
role, may do nothing.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from wardkeep.model.access import DataClass, Purpose, Role
from wardkeep.model.spans import IdentifierType


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRole:
    """One row. `passes` are the identifier classes that may go unmasked where a purpose or task profile lets them.

    `fields` are the top-level request fields that may be used; `reveals` whether originals stand in the answer.
    """

    purposes: frozenset[Purpose]
    data_classes: frozenset[DataClass]
    fields: frozenset[str]
    passes: frozenset[str]
    reveals: bool


_TEXT_FIELDS: Final = """
    model messages system wardkeep max_tokens max_completion_tokens temperature top_p top_k n seed stop stop_sequences
    stream stream_options presence_penalty frequency_penalty reasoning_effort verbosity thinking store user
    safety_identifier metadata service_tier modalities background output_config
"""
_TEXT: Final = frozenset(_TEXT_FIELDS.split())
_SHAPES: Final = frozenset({"response_format", "output_format"})
_TOOLS: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "prediction"})
_TUNING: Final = frozenset({"logit_bias", "logprobs", "top_logprobs", "prompt_cache_key", "cache_control"})

_ALL_FIELDS: Final = _TEXT | _SHAPES | _TOOLS | _TUNING
_ALL_IDENTIFIERS: Final = frozenset(kind.value for kind in IdentifierType)
_CARE: Final = frozenset({Purpose.TREAT, Purpose.ETREAT})
_ORDINARY: Final = frozenset({DataClass.ORDINARY})

DATA_ROLES: Final = MappingProxyType(
    {
        Role.CLINICIAN: DataRole(
            purposes=_CARE,
            data_classes=frozenset(DataClass),
            fields=_TEXT | _SHAPES | _TOOLS,
            passes=_ALL_IDENTIFIERS,
            reveals=True,
        ),
        Role.NURSE: DataRole(
            purposes=_CARE,
            data_classes=_ORDINARY | {DataClass.PART2},
            fields=_TEXT | _SHAPES,
            passes=_ALL_IDENTIFIERS,
            reveals=True,
        ),
        # Claims need service dates and ages (45 CFR 164.514(d)(3)), and no names on the vendor's side.
        Role.BILLING: DataRole(
            purposes=frozenset({Purpose.HPAYMT}),
            data_classes=_ORDINARY,
            fields=_TEXT | _SHAPES,
            passes=frozenset({"DATE", "AGE"}),
            reveals=True,
        ),
        # Sees surrogates only: whoever needs the person behind one asks for the permission (DESIGN section 5).
        Role.RESEARCHER: DataRole(
            purposes=frozenset({Purpose.HRESCH}),
            data_classes=_ORDINARY,
            fields=_TEXT | _SHAPES,
            passes=frozenset(),
            reveals=False,
        ),
        Role.DEVELOPER: DataRole(
            purposes=frozenset({Purpose.HOPERAT}),
            data_classes=_ORDINARY,
            fields=_ALL_FIELDS,
            passes=frozenset(),
            reveals=False,
        ),
    }
)
