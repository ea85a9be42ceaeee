"""The de-identification bench: mark-up, scorer, report and one real run, without any peer."""

import json
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("WARDKEEP_SHARED", ROOT.parent / "shared")) / "deid"
sys.path.insert(0, str(ROOT / "bench"))

import deid  # noqa: E402 - the bench is scripts, not a package
import deid_peers  # noqa: E402
import deid_report  # noqa: E402
import deid_score  # noqa: E402
import deid_sets  # noqa: E402

NOTE = "#### a | note\n⟦NAME|Ada Quill⟧ seen on ⟦DATE|3/4⟧.\n\n#### b | prompt\nBaker cyst, no fever.\n"


def tallied(text, gold, found):
    return deid_score.tally(text, gold, found, cpu_seconds=0.5)


class TestMarkup:
    def test_documents_lose_the_marks_and_keep_the_places(self):
        first, second = deid_sets.read_marked(NOTE, file="notes_01")
        assert first.id == "notes_01:a"
        assert first.text == "Ada Quill seen on 3/4."
        assert [first.text[start:end] for start, end in first.spans] == ["Ada Quill", "3/4"]
        assert (second.text, second.spans) == ("Baker cyst, no fever.", ())

    @pytest.mark.parametrize("body", ["⟦NAME|Ada", "Ada⟧", "⟦name|Ada⟧", "⟦NAME|⟦NAME|Ada⟧⟧"])
    def test_broken_marks_are_refused_and_not_echoed(self, body):
        with pytest.raises(deid_sets.MarkupError) as caught:
            deid_sets.read_marked(f"#### a | note\n{body}\n", file="notes_01")
        assert "notes_01" in str(caught.value)
        assert "Ada" not in str(caught.value)

    def test_files_of_one_kind_are_one_set_and_the_development_sets_are_cut(self, tmp_path):
        corpus, development = tmp_path / "valid", tmp_path / "dev"
        corpus.mkdir()
        development.mkdir()
        for name in ("notes_01", "notes_02", "harmless_01"):
            (corpus / f"{name}.txt").write_text(NOTE, encoding="utf-8")
        rows = [{"id": str(n), "text": "Ada", "spans": [{"start": 0, "end": 3, "type": "X"}]} for n in range(200)]
        (development / "meddocan_es_traindev.jsonl").write_text("\n".join(map(json.dumps, rows)))
        found = {
            each.name: (len(each.documents), each.held_out)
            for each in deid_sets.load(corpus=corpus, development=development)
        }
        assert found == {"notes": (4, True), "harmless": (2, True), "dev:meddocan_es_traindev": (150, False)}


class TestScore:
    def test_only_letters_and_digits_count(self):
        whole = tallied("(Ada Quill)", [(0, 11)], [(1, 4), (5, 10)])
        assert (whole.identifiers, whole.touched, whole.full, whole.masked) == (1, 1, 1, 8)

    def test_one_letter_missing_is_not_full(self):
        part = tallied("Ada Quill", [(0, 9)], [(0, 8)])
        assert (part.touched, part.full) == (1, 0)

    def test_overlaps_count_once_and_what_lies_outside_the_text_not_at_all(self):
        odd = tallied("Ada ran", [(0, 3)], [(-4, 2), (0, 3), (4, 99)])
        assert (odd.masked, odd.masked_right, odd.full) == (6, 3, 1)

    def test_an_identifier_without_letters_is_none_but_its_document_is_no_negative(self):
        marks = tallied("-- a", [(0, 2)], [(3, 4)])
        assert (marks.identifiers, marks.has_gold) == (0, True)
        assert deid_score.score([marks]).over is None

    def test_figures_of_a_group(self):
        figures = deid_score.score(
            [
                tallied("Ada ran", [(0, 3)], [(0, 7)]),
                tallied("Ada ran", [(0, 3)], []),
                tallied("She ran", [], [(0, 3)]),
                tallied("She ran", [], []),
            ]
        )
        assert figures.full.value == figures.any.value == 0.5
        assert figures.precision.value == 3 / 9
        assert (figures.leaking.part, figures.leaking.whole) == (1, 4)
        assert (figures.over.part, figures.over.whole) == (1, 2)
        assert figures.thousands_a_second == pytest.approx(28 / 1000 / 2)

    def test_nothing_to_count_has_no_figure(self):
        figures = deid_score.score([tallied("She ran", [], [(0, 3)])])
        assert (figures.full, figures.any, figures.precision, figures.leaking) == (None,) * 4

    @pytest.mark.parametrize(
        ("part", "whole", "low", "high"),
        # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
        [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
    )
    def test_wilson_as_published(self, part, whole, low, high):
        interval = deid_score.wilson(part, whole)
        assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)

    def test_wilson_of_nothing_and_of_everything(self):
        assert deid_score.wilson(0, 0) is None
        assert deid_score.wilson(20, 20).high == 1.0

    def test_the_bootstrap_holds_the_figure_and_is_repeatable(self):
        draw = random.Random(5)
        tallies = []
        for _ in range(60):
            right, wrong = draw.randrange(1, 9), draw.randrange(4)
            tallies.append(tallied("a" * right + "b" * wrong, [(0, right)], [(0, right + wrong)]))
        first, again = deid_score.score(tallies).precision, deid_score.score(tallies).precision
        assert first == again
        assert 0 < first.low < first.value < first.high < 1
        shifted = [replace(each, masked_right=each.masked) for each in tallies]
        assert deid_score.score(shifted).precision.low == 1.0

    @pytest.mark.shared
    @pytest.mark.skipif(not SHARED.is_dir(), reason="the reference scorer is not part of the repository")
    @pytest.mark.parametrize("name", ["clin_inject_a", "adversarial_openmed", "presidio_synth_v2"])
    def test_the_figures_are_those_of_the_reference_scorer(self, name, monkeypatch):
        monkeypatch.syspath_prepend(str(SHARED))
        import score as theirs

        gold = dict(list(theirs.read(str(SHARED / "dev" / f"{name}.jsonl")).items())[:150])
        gold["nothing-1"] = {"text": "Baker cyst.", "spans": []}
        gold["nothing-2"] = {"text": "No fever.", "spans": []}
        draw = random.Random(3)
        predicted = {key: {"spans": list(_disturbed(row, draw))} for key, row in gold.items()}
        predicted["nothing-1"]["spans"] = [{"start": 0, "end": 5}]
        expected = theirs.score(gold, predicted)
        ours = deid_score.score(
            [tallied(row["text"], _pairs(row["spans"]), _pairs(predicted[key]["spans"])) for key, row in gold.items()]
        )
        assert ours.documents == expected["documents"]
        assert ours.full.whole == expected["entities"]
        assert round(ours.full.value, 4) == expected["full"]
        assert round(ours.any.value, 4) == expected["any"]
        assert round(ours.precision.value, 4) == expected["char_p"]
        assert f"{ours.leaking.part}/{ours.leaking.whole}" == expected["leaking"]
        assert f"{ours.over.part}/{ours.over.whole}" == expected["over"]


def _pairs(spans):
    return [(span["start"], span["end"]) for span in spans]


def _disturbed(row, draw):
    for span in row["spans"]:
        if draw.random() < 0.8:
            yield {"start": span["start"] + draw.choice((-3, 0, 0, 0, 1)), "end": span["end"] + draw.choice((0, 0, 2))}
    if draw.random() < 0.3:
        yield {"start": draw.randrange(len(row["text"])), "end": len(row["text"]) + 5}


class TestReport:
    SETS = (
        deid_sets.AnnotatedSet(
            name="notes", held_out=True, documents=tuple(deid_sets.read_marked(NOTE, file="notes_01"))
        ),
        deid_sets.AnnotatedSet(
            name="dev:x", held_out=False, documents=(deid_sets.Document(id="1", text="Ada", spans=((0, 3),)),)
        ),
    )

    def answered(self, **changed):
        rows = {"0:0": [[0, 9], [18, 21]], "0:1": [[0, 5]], "1:0": []} | changed
        lines = [json.dumps({"load_cpu_seconds": 1.25})]
        lines += [
            json.dumps({"id": key, "spans": spans, "cpu_seconds": 0.001})
            for key, spans in rows.items()
            if spans is not None
        ]
        return lines

    def rendered(self, *rows):
        facts = [deid._facts(each) for each in self.SETS]
        return deid_report.render(rows, facts, taken_at="today", machine="a machine").splitlines()

    def test_every_table_has_a_row_for_every_engine_and_cells_for_every_column(self):
        good = deid.scored("Good", "1.0", self.SETS, deid_peers.parse(self.answered(), fault=""))
        absent = deid_report.Row(title="Absent", version="", fault="not installed: no | such\nthing")
        lines = self.rendered(good, absent)
        tables = [line for line in lines if line.startswith("|")]
        assert sum(line.startswith("| Good") for line in tables) == 3
        assert sum("no figure: not installed: no / such thing" in line for line in tables) == 3
        widths = {line.count("|") for line in tables}
        assert widths == {11, 8}
        notes = lines[lines.index("## notes") :]
        assert "2 documents, 2 identifiers, 0 k characters." in notes
        (row,) = [line for line in notes[: notes.index("## dev:x")] if line.startswith("| Good")]
        assert "100.0 % (34.2-100.0)" in row
        assert "1/1 = 100.0 %" in row

    def test_a_set_with_an_unanswered_document_has_no_figure(self):
        cut = deid_peers.parse([*self.answered(**{"1:0": None}), '{"id": "1:0", "spa'], fault="ended after 5 s")
        row = deid.scored("Cut", "1.0", self.SETS, cut)
        assert set(row.scores) == {"notes"}
        assert row.set_faults == {"dev:x": "1 documents without an answer: ended after 5 s"}
        assert row.held_out is not None
        assert row.development is row.everything is None
        assert any("ended after 5 s" in line for line in self.rendered(row))

    def test_an_engine_that_raises_at_a_document_has_no_figure_for_its_set(self):
        lines = [*self.answered(**{"0:1": None}), json.dumps({"id": "0:1", "error": "ValueError"})]
        row = deid.scored("Raises", "1.0", self.SETS, deid_peers.parse(lines, fault=""))
        assert row.set_faults == {"notes": "1 documents raised ValueError"}
        assert set(row.scores) == {"dev:x"}


class TestRun:
    def test_this_checkout_answers_in_a_process_of_its_own(self):
        balanced = next(peer for peer in deid_peers.PEERS if peer.name == "wardkeep-balanced")
        text = "MRN: 00482913, call 212-555-0143."
        done = deid_peers.run(balanced, {"0:0": text, "0:1": "No fever."}, limit_seconds=60)
        assert done.fault == ""
        assert done.load_cpu_seconds > 0
        assert {text[start:end] for start, end in done.answers["0:0"].spans} >= {"00482913", "212-555-0143"}
        assert done.answers["0:1"].spans == ()

    def test_a_peer_that_does_not_load_is_told_with_its_own_error(self):
        # Its package is in no environment of ours, so this is what a broken installation looks like.
        missing = deid_peers.DeidPeer(name="missing", title="missing", runner="deid_scrubadub.py")
        done = deid_peers.run(missing, {"0:0": "text"}, limit_seconds=60)
        assert done.fault == "ModuleNotFoundError: No module named 'scrubadub'"
        assert done.answers == {}

    def test_an_engine_that_does_not_finish_is_ended_and_told(self):
        strict = next(peer for peer in deid_peers.PEERS if peer.name == "wardkeep-strict")
        done = deid_peers.run(strict, {"0:0": "text"}, limit_seconds=0.001)
        assert done.fault == "ended after 0 s"
        assert done.answers == {}

    def test_runners_and_names_are_there_once(self):
        assert len({peer.name for peer in deid_peers.PEERS}) == len(deid_peers.PEERS)
        for peer in deid_peers.PEERS:
            assert (ROOT / "bench" / "services" / peer.runner).is_file()
            assert all("=" in need or "<" in need for need in peer.requirements)
