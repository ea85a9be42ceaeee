"""A small grammar for request bodies, and the reader that walks a document by it.

Each node says what may stand at a place: text that is scanned and replaced, an opaque id, one of some words, a number,
a schema that must hold no identifier, free JSON whose every key and value is scanned, a nested structure, or nothing
(a refusal with its reason). Reading yields the leaves to scan, keyed by their ordinal in the document, and the vendor
features the call uses. A field that no node lists is refused by name: nothing that was not read may pass.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from wardkeep.model.document import Document, parse
from wardkeep.model.reasons import Reason, RefusalError, Refused
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.model.wire.names import VENDOR_NAMES

_LONG_NUMBER: Final = 1_000_000


@dataclass(slots=True)
class Embedded:
    """JSON held in a JSON string (OpenAI tool `arguments`): read as a document of its own, spliced back as a string."""

    document: Document
    leaves: list[tuple[int, Leaf]]


@dataclass(slots=True)
class Reading:
    """What one walk found. Ordinals are those of `Document.replaced`."""

    leaves: list[tuple[int, Leaf]] = field(default_factory=list)
    embedded: list[tuple[int, Embedded]] = field(default_factory=list)
    features: set[str] = field(default_factory=set)
    traits: set[str] = field(default_factory=set)
    marks: dict[str, tuple[int, object]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    thinking: list["SignedBlock"] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    ordinal: int = 0

    def take(self) -> int:
        """Return the ordinal of the scalar about to be read and move past it."""
        now = self.ordinal
        self.ordinal = now + 1
        return now

    def skip(self, value: object) -> None:
        """Move past a value without reading it. Only for values a node has fully checked."""
        kind = type(value)
        if kind is str or kind is int or kind is float:
            self.ordinal += 1
        elif isinstance(value, dict):
            for item in value.values():
                self.ordinal += 1
                self.skip(item)
        elif isinstance(value, list):
            for item in value:
                self.skip(item)


@dataclass(frozen=True, slots=True)
class SignedBlock:
    """A thinking block that the vendor signed: passed byte-equal, and only when our own wrapper vouches for it."""

    text: str
    signature: str
    signature_ordinal: int


class Node(Protocol):
    """Reads one place of the document. Raises `RefusalError` when what stands there may not pass."""

    def read(self, value: object, reading: Reading) -> None:
        """Check the value, note its leaves and features, and move the ordinal past it."""


def refuse(reason: Reason, where: str | None = None) -> RefusalError:
    """Build the refusal for a place; `where` is a listed or vetted field name, never a value."""
    return RefusalError(Refused(reason=reason, field=where))


def _below(name: str, error: RefusalError) -> RefusalError:
    inner = error.refused.field
    path = name if inner is None else f"{name}{inner}" if inner.startswith("[") else f"{name}.{inner}"
    return RefusalError(Refused(reason=error.refused.reason, field=path))


@dataclass(frozen=True, slots=True)
class Text:
    """Free text: scanned, and replaced where it identifies."""

    kind: LeafKind = LeafKind.TEXT

    def read(self, value: object, reading: Reading) -> None:
        """Note one text leaf."""
        if type(value) is not str:
            raise refuse(Reason.FIELD_INVALID)
        reading.leaves.append((reading.ordinal, Leaf(value, None, self.kind)))
        reading.ordinal += 1


@dataclass(frozen=True, slots=True)
class Opaque:
    """An id or label that the vendor compares: never rewritten, so it must match a narrow pattern and hold nothing."""

    pattern: re.Pattern[str] = re.compile(r"[A-Za-z0-9_.:/@+=-]{1,256}")

    def read(self, value: object, reading: Reading) -> None:
        """Check the pattern and note the leaf as opaque."""
        if type(value) is not str or self.pattern.fullmatch(value) is None:
            raise refuse(Reason.FIELD_INVALID)
        reading.leaves.append((reading.ordinal, Leaf(value, None, LeafKind.OPAQUE)))
        reading.ordinal += 1


@dataclass(frozen=True, slots=True)
class Words:
    """One of a few listed words."""

    allowed: frozenset[str]
    denied: Mapping[str, Reason] = field(default_factory=dict)

    def read(self, value: object, reading: Reading) -> None:
        """Accept a listed word; name the reason of a denied one."""
        if type(value) is not str or value not in self.allowed:
            raise refuse(
                self.denied.get(value, Reason.FIELD_INVALID) if isinstance(value, str) else Reason.FIELD_INVALID
            )
        reading.ordinal += 1


def words(*allowed: str) -> Words:
    """Return a node for one of the given words."""
    return Words(frozenset(allowed))


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or real number, the model's own parameter."""

    def read(self, value: object, reading: Reading) -> None:
        """Accept a number."""
        kind = type(value)
        if kind is not int and kind is not float:
            raise refuse(Reason.FIELD_INVALID)
        if value >= _LONG_NUMBER:  # type: ignore[operator]  # a number, as just checked
            # As long as a record number: it must not be one of the declared subject's.
            reading.leaves.append((reading.ordinal, Leaf(str(value), None, LeafKind.OPAQUE)))
        reading.ordinal += 1


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def read(self, value: object, reading: Reading) -> None:  # noqa: ARG002 - a boolean has no ordinal
        """Accept a boolean."""
        if type(value) is not bool:
            raise refuse(Reason.FIELD_INVALID)


@dataclass(frozen=True, slots=True)
class Only:
    """The values that keep nothing at the vendor; any other is refused with the reason."""

    values: tuple[object, ...]
    reason: Reason

    def read(self, value: object, reading: Reading) -> None:
        """Accept exactly the listed values."""
        if not any(type(value) is type(listed) and value == listed for listed in self.values):
            raise refuse(self.reason)
        reading.skip(value)


@dataclass(frozen=True, slots=True)
class Never:
    """A known field or block that may not pass."""

    reason: Reason

    def read(self, value: object, reading: Reading) -> None:  # noqa: ARG002 - nothing here has an ordinal
        """Refuse, unless the place is empty."""
        if value not in (None, [], {}):
            raise refuse(self.reason)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A member that no vendor needs: not read, so never sent. Top level only; its name stands in the record."""

    name: str

    def read(self, value: object, reading: Reading) -> None:
        """Note that it is left out, and move past it."""
        reading.dropped.add(self.name)
        reading.skip(value)


@dataclass(frozen=True, slots=True)
class Many:
    """An array, each item by the same node."""

    item: Node

    def read(self, value: object, reading: Reading) -> None:
        """Read each item; a refusal names the position."""
        if type(value) is not list:
            raise refuse(Reason.FIELD_INVALID)
        item = self.item
        for position, entry in enumerate(value):
            try:
                item.read(entry, reading)
            except RefusalError as error:
                raise _below(f"[{position}]", error) from None


@dataclass(frozen=True, slots=True)
class Record:
    """An object with listed fields. `null` is accepted where the field may be absent: SDKs send it."""

    fields: Mapping[str, Node]
    required: frozenset[str] = frozenset()
    features: Mapping[str, str] = field(default_factory=dict)

    def read(self, value: object, reading: Reading) -> None:
        """Read each member by its node; refuse an unlisted one by name."""
        if type(value) is not dict:
            raise refuse(Reason.FIELD_INVALID)
        fields = self.fields
        for name, item in value.items():
            node = fields.get(name)
            if node is None:
                raise refuse(Reason.FIELD_UNLISTED, name if name in VENDOR_NAMES else "(a name not shown)")
            reading.ordinal += 1
            if item is None:
                if name in self.required:
                    raise refuse(Reason.FIELD_MISSING, name)
                continue
            try:
                node.read(item, reading)
            except RefusalError as error:
                raise _below(name, error) from None
            if name in self.features and item not in (False, [], {}):
                reading.features.add(self.features[name])
        for name in self.required:
            if name not in value:
                raise refuse(Reason.FIELD_MISSING, name)


@dataclass(frozen=True, slots=True)
class Variant:
    """An object whose `type` (or another member) says which of some records it is."""

    cases: Mapping[str, Node]
    by: str = "type"
    default: str | None = None
    otherwise: Reason = Reason.FIELD_INVALID
    features: Mapping[str, str] = field(default_factory=dict)

    def read(self, value: object, reading: Reading) -> None:
        """Choose the case by the discriminator and read by it."""
        if type(value) is not dict:
            raise refuse(Reason.FIELD_INVALID)
        name = value.get(self.by, self.default)
        node = self.cases.get(name) if isinstance(name, str) else None
        if node is None:
            raise refuse(self.otherwise, self.by)
        feature = self.features.get(str(name))
        if feature is not None:
            reading.features.add(feature)
        node.read(value, reading)


@dataclass(frozen=True, slots=True)
class Either:
    """A string in one form, an array or object in another."""

    text: Node
    array: Node | None = None
    record: Node | None = None
    otherwise: Reason = Reason.FIELD_INVALID

    def read(self, value: object, reading: Reading) -> None:
        """Choose by the JSON type."""
        node = self.text if type(value) is str else self.array if type(value) is list else self.record
        if node is None:
            raise refuse(self.otherwise)
        node.read(value, reading)


@dataclass(frozen=True, slots=True)
class Free:
    """Any JSON: every key and every scalar is a leaf, each value with its key as a cue."""

    kind: LeafKind = LeafKind.TEXT

    def read(self, value: object, reading: Reading) -> None:
        """Note every key and scalar below."""
        self._read(value, reading, None)

    def _read(self, value: object, reading: Reading, cue: str | None) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                reading.leaves.append((reading.take(), Leaf(key, None, self.kind)))
                self._read(item, reading, key)
        elif isinstance(value, list):
            for item in value:
                self._read(item, reading, cue)
        elif isinstance(value, str):
            reading.leaves.append((reading.take(), Leaf(value, cue, self.kind)))
        elif value is not None and not isinstance(value, bool):
            reading.numbers.append(len(reading.leaves))
            reading.leaves.append((reading.take(), Leaf(str(value), cue, self.kind)))


@dataclass(frozen=True, slots=True)
class JsonText:
    """JSON held in a string, as OpenAI's tool `arguments` are. What does not parse is scanned as plain text."""

    def read(self, value: object, reading: Reading) -> None:
        """Read the inner document by `Free`, or the string as text."""
        if type(value) is not str:
            raise refuse(Reason.FIELD_INVALID)
        ordinal = reading.take()
        try:
            inner = parse(value.encode())
        except RefusalError as error:
            if error.refused.reason is not Reason.JSON_MALFORMED:
                raise
            reading.leaves.append((ordinal, Leaf(value, None, LeafKind.TEXT)))
            return
        below = read(inner, Free())
        reading.embedded.append((ordinal, Embedded(inner, below.leaves)))


@dataclass(frozen=True, slots=True)
class Mark:
    """Reads by another node and remembers value and ordinal under a name, for whoever rewrites that place."""

    name: str
    node: Node

    def read(self, value: object, reading: Reading) -> None:
        """Remember, then read."""
        reading.marks[self.name] = (reading.ordinal, value)
        self.node.read(value, reading)


@dataclass(frozen=True, slots=True)
class Trait:
    """Reads by another node, and notes what the field turns on: platforms' terms list which of these they reach.

    With `values` only those words turn something on, each its own trait: `service_tier.flex`.
    """

    name: str
    node: Node
    values: frozenset[str] | None = None

    def read(self, value: object, reading: Reading) -> None:
        """Read, then note."""
        self.node.read(value, reading)
        if self.values is None:
            reading.traits.add(self.name)
        elif isinstance(value, str) and value in self.values:
            reading.traits.add(f"{self.name}.{value}")


@dataclass(frozen=True, slots=True)
class Thinking:
    """A signed thinking block: its text is the vendor's own and must stay byte-equal (see `SignedBlock`)."""

    text_field: str
    signature_field: str

    def read(self, value: object, reading: Reading) -> None:
        """Check the shape and note the block; the caller verifies the wrapper before anything passes."""
        if type(value) is not dict:
            raise refuse(Reason.FIELD_INVALID)
        listed = {"type", self.text_field, self.signature_field}
        ordinals: dict[str, int] = {}
        for name, item in value.items():
            if name not in listed or type(item) is not str:
                raise refuse(Reason.FIELD_UNLISTED if name not in listed else Reason.FIELD_INVALID, None)
            reading.ordinal += 1
            ordinals[name] = reading.take()
        if len(ordinals) != len(listed):
            raise refuse(Reason.FIELD_MISSING, self.signature_field)
        text = "" if self.text_field == self.signature_field else str(value[self.text_field])
        signature = str(value[self.signature_field])
        reading.thinking.append(SignedBlock(text, signature, ordinals[self.signature_field]))
        reading.features.add("thinking")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Opaque state that the vendor encrypted: passed byte-equal, and only when our own wrapper vouches for it."""

    def read(self, value: object, reading: Reading) -> None:
        """Note the block; the caller verifies the wrapper before anything passes."""
        if type(value) is not str:
            raise refuse(Reason.FIELD_INVALID)
        reading.thinking.append(SignedBlock("", value, reading.take()))
        reading.features.add("thinking")


@dataclass(frozen=True, slots=True)
class Own:
    """Wardkeep's own member, `"wardkeep": {"subject_identities": [...]}`: read here, never sent to a vendor.

    The caller who has the patient's record at hand names the identities that must be hidden: the highest recall there
    is, without a model (DESIGN section 3, stage 0).
    """

    def read(self, value: object, reading: Reading) -> None:
        """Check the shape; the values become known terms."""
        if type(value) is not dict or value.keys() - {"subject_identities"}:
            raise refuse(Reason.FIELD_UNLISTED)
        terms = value.get("subject_identities", [])
        if type(terms) is not list or len(terms) > 256 or not all(type(t) is str and 2 <= len(t) <= 256 for t in terms):
            raise refuse(Reason.FIELD_INVALID, "subject_identities")
        reading.skip(value)


def read(document: Document, root: Node) -> Reading:
    """Walk a document by a grammar.

    Raises:
        RefusalError: something stands where it may not; `field` names the place.
    """
    reading = Reading()
    root.read(document.value, reading)
    if reading.numbers:
        spelled = document.spelled({reading.leaves[at][0] for at in reading.numbers})
        for at in reading.numbers:
            ordinal, leaf = reading.leaves[at]
            reading.leaves[at] = (ordinal, Leaf(spelled[ordinal], leaf.cue, leaf.kind))
    return reading
