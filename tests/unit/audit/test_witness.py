"""The witness's protocol (C2SP tlog-witness), its memory, and what it keeps of contradictions."""

from base64 import b64encode

import pytest

from wardkeep.audit import verify as verifier
from wardkeep.audit.checkpoint import Checkpoint, VerifierKey, checkpoint_text, signed_note, verifier_key_text
from wardkeep.audit.cosignature import good_lines, with_lines
from wardkeep.audit.errors import NoteInvalid, WitnessMisconfigured
from wardkeep.audit.tree import consistency_proof, leaf_hash, tree_root
from wardkeep.audit.witness import Status, add_log, log_hash, make_witness, open_witness
from wardkeep.crypto.signing import generate_seed, signing_key
from wardkeep.storage.errors import StoreUnavailable

LOG = signing_key(generate_seed())
KEY = VerifierKey(name="log.example/1", public=LOG.public)
LEAVES = [leaf_hash(b"%d" % n) for n in range(40)]
OTHER = [leaf_hash(b"other %d" % n) for n in range(40)]
AT = 1_790_000_000


def note(size, leaves=LEAVES, signer=LOG, origin=KEY.name):
    key = VerifierKey(name=origin, public=signer.public)
    text = checkpoint_text(Checkpoint(origin=origin, size=size, root=tree_root(leaves[:size])))
    return signed_note(text, key, signer.sign(text))


def body(old, proof, signed):
    lines = [f"old {old}".encode(), *(b64encode(each) for each in proof)]
    return b"\n".join(lines) + b"\n\n" + signed


def offer(witness, old, size, leaves=LEAVES):
    proof = consistency_proof(leaves[:size], old) if 0 < old <= size else ()
    return witness.add_checkpoint(body(old, proof, note(size, leaves)))


@pytest.fixture
def state(tmp_path):
    directory = tmp_path / "witness"
    make_witness(directory, "witness.example")
    add_log(directory, verifier_key_text(KEY))
    return directory


@pytest.fixture
def witness(state):
    opened = open_witness(state, lambda: AT)
    yield opened
    opened.close()


def policy(state, tmp_path):
    file = tmp_path / "policy"
    key = (state / "witness.pub").read_text().strip()
    file.write_text(f"log {verifier_key_text(KEY)}\nwitness one {key} http://127.0.0.1:1\nquorum one\n")
    return verifier.read_policy(file)


def test_first_head_and_each_that_continues_it_are_cosigned(witness, state, tmp_path):
    rules = policy(state, tmp_path)
    for old, size in ((0, 3), (3, 3), (3, 17), (17, 40)):
        answer = offer(witness, old, size)
        assert answer.status is Status.OK
        signed = note(size)
        lines = good_lines(signed, answer.body, rules)
        assert set(lines) == {"one"}
        whole = tmp_path / "whole.note"
        whole.write_bytes(with_lines(signed, lines))
        parsed, witnessed = verifier._given([whole.read_bytes()], rules.log, rules)
        assert (parsed[0].size, witnessed.names) == (size, ("one",))
        assert b"time %d\n" % AT in b"time %d\n" % int.from_bytes(
            verifier._signatures(answer_note(answer))[0][:8], "big"
        )


def answer_note(answer):
    return b"\n\n" + answer.body


def test_another_s_or_a_changed_cosignature_counts_as_none(witness, state, tmp_path):
    rules = policy(state, tmp_path)
    line = offer(witness, 0, 3).body
    assert good_lines(note(4), line, rules) == {}
    assert good_lines(note(3), line.replace(b"witness.example", b"witness.elsewhere"), rules) == {}


@pytest.mark.parametrize(
    ("offered", "status", "event"),
    [
        ((5, 20, LEAVES), Status.CONFLICT, "behind"),
        ((0, 20, LEAVES), Status.CONFLICT, "behind"),
        ((5, 8, LEAVES), Status.CONFLICT, "rolled_back"),
        ((0, 8, OTHER), Status.CONFLICT, "rolled_back"),
        ((10, 10, OTHER), Status.CONFLICT, "forked"),
        ((10, 20, OTHER), Status.UNPROCESSABLE, "forked"),
        ((11, 10, LEAVES), Status.BAD_REQUEST, "malformed"),
    ],
)
def test_what_does_not_continue_is_refused_and_changes_nothing(witness, offered, status, event):
    assert offer(witness, 0, 10).status is Status.OK
    answer = offer(witness, *offered)
    assert (answer.status, answer.event) == (status, event)
    if status is Status.CONFLICT:
        assert (answer.body, answer.kind) == (b"10\n", b"text/x.tlog.size")
    assert witness.seen[KEY.name].checkpoint.size == 10
    assert offer(witness, 10, 11).status is Status.OK


def test_contradicting_heads_under_the_log_s_own_signature_are_kept(witness, state):
    offer(witness, 0, 10)
    offer(witness, 10, 20, OTHER)
    offer(witness, 0, 5)
    kept = sorted(file.name.split("-")[0] for file in (state / "evidence").iterdir())
    assert kept == ["forked", "rolled_back"]
    assert note(20, OTHER) in [file.read_bytes() for file in (state / "evidence").iterdir()]


def test_unknown_log_wrong_key_and_malformed_requests(witness):
    stranger = signing_key(generate_seed())
    assert witness.add_checkpoint(body(0, (), note(3, origin="other.example"))).status is Status.NOT_FOUND
    assert witness.add_checkpoint(body(0, (), note(3, signer=stranger))).status is Status.FORBIDDEN
    good = body(0, (), note(3))
    malformed = [
        b"",
        b"old 0",
        good.replace(b"old 0", b"old 00"),
        good.replace(b"old 0", b"old -1"),
        good.replace(b"old 0", b"old x"),
        good.replace(b"old 0", b"size 0"),
        good.replace(b"old 0\n", b"old 0\n!!\n"),
        good.replace(b"old 0\n", b"old 0\nAAAA\n"),
        good.replace(b"\n3\n", b"\n03\n"),
        body(0, [bytes(32)] * 64, note(3)),
    ]
    for each in malformed:
        assert witness.add_checkpoint(each).status is Status.BAD_REQUEST, each
    assert witness.add_checkpoint(body(0, [bytes(32)], note(3))).status is Status.UNPROCESSABLE
    assert not witness.seen


def test_memory_is_durable_before_the_answer_and_outlives_the_process(state):
    first = open_witness(state, lambda: AT)
    offer(first, 0, 10)
    kept = (state / "seen" / f"{log_hash(KEY.name)}.note").read_bytes()
    assert kept.startswith(note(10).partition(b"\n\n")[0])
    with pytest.raises(WitnessMisconfigured):
        open_witness(state, lambda: AT)  # two processes would each remember by themselves
    first.close()
    again = open_witness(state, lambda: AT)
    assert offer(again, 0, 5).event == "rolled_back"
    assert again.latest(log_hash(KEY.name)).body == kept
    assert again.latest("0" * 64).status is Status.NOT_FOUND
    again.close()


def test_state_that_cannot_be_written_cosigns_nothing(witness, state):
    offer(witness, 0, 3)
    (state / "seen" / f".{log_hash(KEY.name)}.note.new").mkdir()
    with pytest.raises(StoreUnavailable):
        offer(witness, 3, 10)
    assert witness.seen[KEY.name].checkpoint.size == 3


@pytest.mark.parametrize("damage", ["seen", "key", "logs"])
def test_damaged_memory_does_not_start(state, damage):
    opened = open_witness(state, lambda: AT)
    offer(opened, 0, 3)
    opened.close()
    file = {"seen": state / "seen" / f"{log_hash(KEY.name)}.note", "key": state / "witness.key", "logs": state / "logs"}
    file[damage].write_bytes(b"x" + file[damage].read_bytes()[2:])
    with pytest.raises(WitnessMisconfigured):
        open_witness(state, lambda: AT)
    if damage == "key":
        return
    file[damage].write_bytes(b"")
    if damage == "seen":
        with pytest.raises(WitnessMisconfigured):
            open_witness(state, lambda: AT)


def test_operator_accepts_a_restored_log_and_the_old_head_stays_as_evidence(witness, state):
    offer(witness, 0, 20)
    shorter = note(12, OTHER)
    assert witness.accept(shorter).size == 12
    assert any(b"\n20\n" in file.read_bytes() for file in (state / "evidence").iterdir())
    assert offer(witness, 12, 15, OTHER).status is Status.OK
    with pytest.raises(WitnessMisconfigured):
        witness.accept(note(12, signer=signing_key(generate_seed())))


def test_names_and_keys_are_not_made_twice(state, tmp_path):
    with pytest.raises(WitnessMisconfigured):
        make_witness(state, "witness.example")
    with pytest.raises(WitnessMisconfigured):
        make_witness(tmp_path / "new", "two words")
    with pytest.raises(WitnessMisconfigured):
        add_log(state, verifier_key_text(VerifierKey(name=KEY.name, public=bytes(32))))
    with pytest.raises(NoteInvalid):
        add_log(state, "nothing")
    with pytest.raises(WitnessMisconfigured):
        open_witness(tmp_path / "absent", lambda: AT)
