"""The pure function of stage 4."""

import pytest

from wardkeep.model.spans import IdentifierType as T
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.deidentify import deidentify
from wardkeep.privacy.errors import DetectorFailed
from wardkeep.privacy.reidentify import restore_text
from wardkeep.privacy.surrogates import Surrogates

KEY = Surrogates(b"k" * 32)


def text(value: str, cue: str | None = None) -> Leaf:
    return Leaf(value, cue, LeafKind.TEXT)


def run(detector, *leaves, keep=frozenset(), known=()):
    return deidentify(leaves, detector=detector, surrogates=KEY, keep=keep, known=known)


def test_what_one_leaf_reveals_is_masked_in_all(strict):
    out = run(strict, text("MRN: ZX482913 of Ms. Quillfeather"), text("look up zx482913, quillfeather's labs"))
    assert out.texts[1] is not None
    assert "482913" not in "".join(filter(None, out.texts))
    assert "uillfeather" not in "".join(filter(None, out.texts))
    assert restore_text(out.texts[1], out.restore) == "look up zx482913, quillfeather's labs"


@pytest.mark.parametrize(
    ("cue", "value", "kind"),
    [("mrn", "1234567", T.MRN), ("patientName", "Xiomara Quill", T.NAME), ("dob", "19700714", T.DATE)],
)
def test_a_json_key_is_a_cue(strict, cue, value, kind):
    out = run(strict, text(value, cue))
    assert out.counts == {kind: 1}
    assert list(out.restore.values()) == [value]


@pytest.mark.parametrize("cue", ["drug_name", "tool name", "file_name"])
def test_names_of_things_are_left(strict, cue):
    assert run(strict, text("Zyxomab", cue)).texts == [None]


def test_kept_types_go_out_unchanged(strict):
    out = run(strict, text("Ms. Quill, 94-year-old, seen 03/14/2024"), keep=frozenset({T.DATE, T.AGE}))
    assert "03/14/2024" in out.texts[0]
    assert "94-year-old" in out.texts[0]
    assert T.NAME in out.counts


def test_a_schema_with_an_identifier_is_refused_and_an_example_is_not(strict):
    leaves = [
        Leaf(t, None, LeafKind.SCHEMA)
        for t in ("The city, e.g. San Francisco, CA", "for SSN 219-09-9999", "Look up a record")
    ]
    out = run(strict, *leaves)
    assert out.refused == [1]
    assert out.texts == [None, None, None]


def test_an_opaque_id_is_refused_on_an_exact_hit_or_a_known_term(strict):
    leaves = [
        Leaf(t, None, LeafKind.OPAQUE)
        for t in ("call_84291377", "219-09-9999", "a@example.org", "quill_7", "user-quill")
    ]
    assert run(strict, *leaves, known=("Quill",)).refused == [1, 2, 3, 4]


def test_a_name_split_over_two_parts_is_found(strict):
    out = run(strict, text("The patient is Xiomara"), text("Quillfeather and she is well"))
    assert "Quillfeather" not in out.texts[1]


def test_unchanged_leaves_are_none(strict):
    assert run(strict, text("What is a normal potassium?"), text("")).texts == [None, None]


def test_a_failing_recogniser_raises_and_says_nothing_of_the_text(strict):
    class Broken:
        def __getattr__(self, name):
            raise LookupError("secret text")

    from wardkeep.privacy.detect import detector as module

    broken = module.Detector("strict")
    broken._words = Broken()
    with pytest.raises(DetectorFailed) as caught:
        run(broken, text("Dr. Quillfeather"))
    assert "uill" not in str(caught.value)


def test_the_repr_shows_no_text(strict):
    out = run(strict, text("Dr. Quillfeather"))
    assert "uill" not in repr(out)
    assert "uill" not in repr(text("Dr. Quillfeather"))


def test_the_token_of_a_person_is_stable_over_turns(strict):
    first = run(strict, text("Patient Xiomara Quill"))
    second = run(strict, text("Patient Xiomara Quill"), text("Hi"), text("And Dr. Brewer?"))
    assert second.texts[0] == first.texts[0]
