"""Every way to forge the ledger that we know is found, named and placed; and every check of the verifier is needed.

The second half changes the verifier itself: each of its checks is switched off once, and then at least one attack must
get through or be named otherwise. A check that nothing needs would be a check that nothing tests.
"""

import ast
import asyncio
import dataclasses
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from tests.attacks import forgeries
from tests.attacks.forgeries import ATTACKS, TOTAL, Attack, Kit
from tests.unit.audit import samples

from wardkeep.audit import verify as verifier
from wardkeep.audit.verify import tile_name

RING = samples.keyring()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    home = tmp_path_factory.mktemp("original")
    asyncio.run(samples.write_batches(home, RING, forgeries.SIZES))
    return home


@pytest.fixture
def kit(original, tmp_path):
    return forgeries.make_kit(original, tmp_path, RING)


def judged(kit: Kit, options: tuple[str, ...], by: ModuleType = verifier):
    if "keyless" in options:
        (kit.home / "ledger.pub").unlink(missing_ok=True)
    return by.verify(
        kit.home,
        checkpoint=kit.kept if "kept" in options else None,
        policy=kit.policy if "policy" in options else None,
        archive=kit.archive if "archive" in options else None,
    )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_attack_is_found_and_placed(kit, attack):
    attack.do(kit)
    result = judged(kit, attack.options)
    assert (result.damage, result.first_bad_index) == (attack.damage, attack.index), result.detail
    assert not result.ok


def test_untouched_ledger_is_whole_against_all_that_was_kept(kit):
    result = judged(kit, ("kept", "policy", "archive"))
    assert (result.ok, result.damage, result.size) == (True, None, TOTAL)
    assert (result.witnessed, result.witnesses, result.archived) == (TOTAL, ("one",), TOTAL)


def test_headers_only_still_finds_all_but_the_bytes_of_payloads(kit):
    for index, value in ((24, None), (24, "text"), (24, b"short")):
        before = kit.column("payload", index)
        kit.put("payload", index, value)
        result = verifier.verify(kit.home, hash_payloads=False)
        assert (result.damage, result.first_bad_index, result.payloads) == ("payload", index, "lengths only")
        kit.put("payload", index, before)
    kit.put("payload", 24, forgeries.flip(kit.column("payload", 24), 0))
    assert verifier.verify(kit.home, hash_payloads=False).ok
    assert verifier.verify(kit.home).first_bad_index == 24


class TestProof:
    """One record's proof: made from the ledger, checked without it."""

    def made(self, kit: Kit, tmp_path: Path, index: int) -> Path:
        file = tmp_path / f"{index}.tlog-proof"
        file.write_bytes(verifier.prove(kit.home, index, kit.kept))
        return file

    @pytest.mark.parametrize("index", range(TOTAL))
    def test_holds_for_every_entry(self, kit, tmp_path, index):
        result = verifier.verify_proof(self.made(kit, tmp_path, index), policy=kit.policy)
        assert (result.ok, result.witnessed, result.witnesses) == (True, TOTAL, ("one",))
        assert f'"index":{index},' in result.detail

    def test_any_changed_line_is_refused(self, kit, tmp_path):
        file = self.made(kit, tmp_path, 17)
        lines = file.read_bytes().split(b"\n")
        for number, line in enumerate(lines):
            for at in range(0, len(line), max(1, len(line) // 6)):
                changed = [*lines[:number], line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :], *lines[number + 1 :]]
                file.write_bytes(b"\n".join(changed))
                try:
                    result = verifier.verify_proof(file, policy=kit.policy)
                except verifier.UnusableInput:
                    continue
                assert not result.ok, (number, at)

    def test_of_another_entry_or_index_is_refused(self, kit, tmp_path):
        file = self.made(kit, tmp_path, 17)
        text = file.read_text()
        file.write_text(text.replace("index 17\n", "index 16\n"))
        result = verifier.verify_proof(file, policy=kit.policy)
        assert (result.damage, result.first_bad_index) == ("proof", 16)

    def test_holder_of_the_key_cannot_give_an_entry_another_index(self, kit, tmp_path):
        """The tree of one leaf whose header names index 7, signed: the path holds, the header's own index does not."""
        header = kit.column("header", 7)
        file = tmp_path / "odd.tlog-proof"
        note = forgeries.note_for(RING.signer, 1, forgeries.leaf_hash(header))
        encoded = forgeries.b64encode(header)
        file.write_bytes(b"c2sp.org/tlog-proof@v1\nextra %b\nindex 0\n\n%b" % (encoded, note))
        result = verifier.verify_proof(file, kit.home / "ledger.pub")
        assert (result.damage, result.first_bad_index) == ("proof", 0)

    def test_quorum_and_key_are_demanded(self, kit, tmp_path):
        forgeries.uncosign(kit)
        file = self.made(kit, tmp_path, 3)
        assert verifier.verify_proof(file, policy=kit.policy).damage == "unwitnessed"
        assert verifier.verify_proof(file, kit.home / "ledger.pub").ok
        with pytest.raises(verifier.UnusableInput):
            verifier.verify_proof(file)

    def test_entry_beyond_the_checkpoint_has_none(self, kit):
        for index in (-1, TOTAL):
            with pytest.raises(verifier.UnusableInput):
                verifier.prove(kit.home, index)


class TestTiles:
    """A log as static files is checked without any database."""

    def test_whole(self, kit):
        result = verifier.verify(kit.archive, kit.home / "ledger.pub", kit.kept)
        assert (result.ok, result.size, result.payloads) == (True, TOTAL, "not there")

    @pytest.mark.parametrize(
        ("kind", "edit", "expected"),
        [
            ("0", lambda b: forgeries.flip(b, 32 * 8 * 21), ("header", 21)),
            ("entries", lambda b: forgeries.flip(b, 8 * 40), ("header", 0)),
            ("entries", lambda b: b[:-1], ("container", TOTAL - 1)),
            ("0", lambda b: b[:-1], ("container", TOTAL - 1)),
            ("entries", None, ("container", 0)),
        ],
    )
    def test_damage_is_placed(self, kit, kind, edit, expected):
        file = kit.archive / tile_name(kind, 0, TOTAL)
        if edit is None:
            file.unlink()
        else:
            file.write_bytes(edit(file.read_bytes()))
        result = verifier.verify(kit.archive, kit.home / "ledger.pub")
        assert (result.damage, result.first_bad_index) == expected

    def test_another_history_in_matching_tiles(self, kit, tmp_path):
        forgeries.rewrite(kit, 23, forgeries.retell)
        rows = kit.rows()
        leaves = [forgeries.Leaf(header=row[2], hash=row[3]) for row in rows]
        other = tmp_path / "other"
        forgeries.write_tiles(other, published=0, leaves=leaves)
        shutil.copy(kit.archive / "checkpoint", other / "checkpoint")
        assert verifier.verify(other, kit.home / "ledger.pub").damage == "forked"
        forgeries.write_checkpoint(other, forgeries.note_for(RING.signer, TOTAL, forgeries._tree(kit)))
        assert verifier.verify(other, kit.home / "ledger.pub").ok
        assert verifier.verify(other, kit.home / "ledger.pub", kit.kept).damage == "forked"
        unchained = [leaves[1], leaves[0], *leaves[2:]]
        shutil.rmtree(other)
        forgeries.write_tiles(other, published=0, leaves=unchained)
        forgeries.write_checkpoint(other, forgeries.note_for(RING.signer, TOTAL, bytes(32)))
        result = verifier.verify(other, kit.home / "ledger.pub")
        assert (result.damage, result.first_bad_index) == ("chain", 0)

    def test_cut_tiles_against_a_kept_checkpoint(self, kit, tmp_path):
        short = tmp_path / "short"
        leaves = [forgeries.Leaf(header=row[2], hash=row[3]) for row in kit.rows()[:30]]
        forgeries.write_tiles(short, published=0, leaves=leaves)
        tree = forgeries.root(forgeries.extend(forgeries.EMPTY, [leaf.hash for leaf in leaves]))
        forgeries.write_checkpoint(short, forgeries.note_for(RING.signer, 30, tree))
        result = verifier.verify(short, kit.home / "ledger.pub", kit.kept)
        assert (result.damage, result.first_bad_index) == ("truncated", 30)


class TestPolicy:
    """k of n, as tlog-policy writes it."""

    def lines(self, kit: Kit) -> list[str]:
        return kit.policy.read_text().splitlines()

    def test_groups_count(self, kit):
        other = forgeries.signing_key(forgeries.generate_seed())
        more = f"witness two {forgeries.witness_key(other)[1]}"
        log, one, _ = self.lines(kit)
        for rule, is_met in (("1", True), ("any", True), ("2", False), ("all", False)):
            kit.policy.write_text("\n".join([log, one, more, f"group both {rule} one two", "quorum both", ""]))
            assert judged(kit, ("kept", "policy")).ok is is_met
        kit.policy.write_text(f"{log}\n{one}\n{more}\nquorum two\n")
        assert judged(kit, ("kept", "policy")).damage == "unwitnessed"
        kit.policy.write_text(f"{log}\nquorum none\n")
        forgeries.uncosign(kit)
        assert judged(kit, ("kept", "policy")).ok

    @pytest.mark.parametrize(
        "line",
        [
            "log {log}",
            "witness one {one}",
            "witness two {one}",
            "witness none {one}",
            "witness two {log}",
            "group g 2 one",
            "group g 0 one",
            "group g any",
            "group g any absent",
            "group g 2 one one",
            "quorum none",
            "shrug",
        ],
    )
    def test_what_is_not_understood_is_no_policy(self, kit, line):
        log, one, quorum = self.lines(kit)
        line = line.format(log=log.split()[1], one=one.split()[2])
        kit.policy.write_text(f"{log}\n{one}\n{quorum}\n{line}\n")
        with pytest.raises(verifier.UnusableInput):
            judged(kit, ("kept", "policy"))

    def test_policy_without_log_or_quorum(self, kit):
        log, one, quorum = self.lines(kit)
        for lines in ([one, quorum], [log, one]):
            kit.policy.write_text("\n".join([*lines, ""]))
            with pytest.raises(verifier.UnusableInput):
                judged(kit, ("kept", "policy"))


def test_certificate_says_what_was_and_was_not_checked(kit, tmp_path):
    out = tmp_path / "statement.txt"
    command = [sys.executable, "-I", verifier.__file__, kit.home, "--checkpoint", kit.kept, "--policy", kit.policy]
    command += ["--archive", kit.archive, "--certificate", out, "--prove", "7", "--out", tmp_path / "p.tlog-proof"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    text = out.read_text()
    assert all(len(line) <= 80 for line in text.splitlines())
    for words in ("no damage found", f"entries 0 to {TOTAL - 1}, by one", "hashed", f"entries 0 to {TOTAL - 1} agree"):
        assert words in text
    assert verifier.run(tmp_path / "p.tlog-proof", policy=kit.policy).ok
    kit.put("payload", 0, b"x")
    bad = verifier.certificate(
        verifier.verify(kit.home), subject="a copy", at=datetime(2026, 1, 1, tzinfo=UTC), verifier=b""
    )
    assert "DAMAGE FOUND" in bad
    assert "First bad index         0\n" in bad


# --- the verifier itself is changed -----------------------------------------------------------------------------------


class _SwitchOff(ast.NodeTransformer):
    """Switches off the check at one place: the condition of the innermost `if` around one `raise _Bad`."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.is_done = False

    def visit_If(self, node: ast.If):
        self.generic_visit(node)
        if any(_is_verdict(each) and each.lineno == self.line for each in node.body):
            node.test = ast.Constant(value=False)
            self.is_done = True
        elif any(_is_verdict(each) and each.lineno == self.line for each in node.orelse):
            node.orelse = [ast.Pass()]
            self.is_done = True
        return node


def _is_verdict(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and getattr(node.exc.func, "id", "") == "_Bad"


def _checks() -> list[int]:
    """Return the line of every verdict under a condition, the last branch of a diagnosis left aside."""
    tree = ast.parse(Path(verifier.__file__).read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.If):
            found += [each.lineno for each in (*node.body, *node.orelse) if _is_verdict(each)]
    return sorted(set(found))


CHECKS = _checks()
SOURCE = Path(verifier.__file__).read_text()


def mutant(line: int) -> ModuleType:
    switch = _SwitchOff(line)
    tree = ast.fix_missing_locations(switch.visit(ast.parse(SOURCE)))
    assert switch.is_done
    module = ModuleType(f"mutant_{line}")
    module.__file__ = verifier.__file__
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(tree, f"<mutant {line}>", "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One prepared piece of evidence and what the true verifier says of it."""

    name: str
    ask: object
    truth: object


def answer(ask, module: ModuleType):
    try:
        result = ask(module)
    except Exception as error:  # a mutant may also fall over: that too is noticed
        return type(error).__name__
    return result.damage, result.first_bad_index


@pytest.fixture(scope="module")
def scenes(original, tmp_path_factory):
    """Every attack, and the damaged tiles and proofs, prepared once."""
    place = tmp_path_factory.mktemp("scenes")
    made: list[tuple[str, object]] = []
    for number, attack in enumerate(ATTACKS):
        kit = forgeries.make_kit(original, place / str(number), RING)
        attack.do(kit)
        made.append((attack.name, lambda by, kit=kit, options=attack.options: judged(kit, options, by)))
    made += _tile_scenes(original, place)
    made += _proof_scenes(original, place)
    return [Scene(name=name, ask=ask, truth=answer(ask, verifier)) for name, ask in made]


def _tile_scenes(original, place):
    def scene(name, edit, **options):
        kit = forgeries.make_kit(original, place / f"tiles-{name}", RING)
        edit(kit)
        kept = kit.kept if options.get("kept") else None
        return name, lambda by: by.verify(kit.archive, kit.home / "ledger.pub", kept)

    def leaf_file(kit, kind="0"):
        return kit.archive / tile_name(kind, 0, TOTAL)

    def unchain(kit):
        leaves = [forgeries.Leaf(header=row[2], hash=row[3]) for row in kit.rows()]
        shutil.rmtree(kit.archive)
        forgeries.write_tiles(kit.archive, published=0, leaves=[leaves[1], leaves[0], *leaves[2:]])
        swapped = [leaves[1], leaves[0], *leaves[2:]]
        tree = forgeries.root(forgeries.extend(forgeries.EMPTY, [leaf.hash for leaf in swapped]))
        forgeries.write_checkpoint(kit.archive, forgeries.note_for(RING.signer, TOTAL, tree))

    def shorten(kit):
        leaves = [forgeries.Leaf(header=row[2], hash=row[3]) for row in kit.rows()[:30]]
        shutil.rmtree(kit.archive)
        forgeries.write_tiles(kit.archive, published=0, leaves=leaves)
        tree = forgeries.root(forgeries.extend(forgeries.EMPTY, [leaf.hash for leaf in leaves]))
        forgeries.write_checkpoint(kit.archive, forgeries.note_for(RING.signer, 30, tree))

    def other_root(kit):
        forgeries.write_checkpoint(kit.archive, forgeries.note_for(RING.signer, TOTAL, b"\x04" * 32))

    def foreign(kit):
        tree = forgeries._tree(kit)
        signer = forgeries.signing_key(forgeries.generate_seed())
        forgeries.write_checkpoint(kit.archive, forgeries.note_for(signer, TOTAL, tree))

    def put(kind, edit):
        return lambda kit: leaf_file(kit, kind).write_bytes(edit(leaf_file(kit, kind).read_bytes()))

    return [
        scene("leaf", put("0", lambda b: forgeries.flip(b, 999))),
        scene("bundle-cut", put("entries", lambda b: b[:-1])),
        scene("leaves-cut", put("0", lambda b: b[:-1])),
        scene("unchained", unchain),
        scene("short", shorten, kept=True),
        scene("root", other_root),
        scene("foreign", foreign),
        scene("tall", _tall),
    ]


def _tall(kit):
    """A log of 300 entries whose level-1 tile is not its leaves'."""
    leaves, previous = [], bytes(32)
    for index in range(300):
        header = b'{"v":1,"index":%d,"prev":"%b","type":"read"}' % (index, previous.hex().encode())
        previous = forgeries.leaf_hash(header)
        leaves.append(forgeries.Leaf(header=header, hash=previous))
    shutil.rmtree(kit.archive)
    forgeries.write_tiles(kit.archive, published=0, leaves=leaves)
    tree = forgeries.root(forgeries.extend(forgeries.EMPTY, [leaf.hash for leaf in leaves]))
    forgeries.write_checkpoint(kit.archive, forgeries.note_for(RING.signer, 300, tree))
    file = kit.archive / tile_name("1", 0, 1)
    file.write_bytes(forgeries.flip(file.read_bytes(), 4))


def _proof_scenes(original, place):
    kit = forgeries.make_kit(original, place / "proofs", RING)
    good = verifier.prove(kit.home, 17, kit.kept)
    key = kit.home / "ledger.pub"

    def scene(name, content):
        file = place / f"{name}.tlog-proof"
        file.write_bytes(content)
        return name, lambda by: by.verify_proof(file, key)

    lines = good.split(b"\n")
    lines[4] = forgeries.b64encode(bytes(32))
    header = kit.column("header", 7)
    note = forgeries.note_for(RING.signer, 1, forgeries.leaf_hash(header))
    odd = b"c2sp.org/tlog-proof@v1\nextra %b\nindex 0\n\n%b" % (forgeries.b64encode(header), note)
    return [scene("proof-path", b"\n".join(lines)), scene("proof-index", odd)]


def test_every_check_has_an_attack_that_needs_it(scenes):
    assert len(CHECKS) > 35
    unneeded = []
    for line in CHECKS:
        changed = mutant(line)
        if not any(answer(scene.ask, changed) != scene.truth for scene in scenes):
            unneeded.append((line, SOURCE.splitlines()[line - 1].strip()))
    assert not unneeded


def test_catalogue_is_of_attacks_that_are_found():
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert sum(isinstance(attack, Attack) and attack.index is not None for attack in ATTACKS) >= 25


def test_threats_list_every_class_with_where_it_is_found():
    text = (Path(__file__).parents[2] / "THREATS.md").read_text()
    for attack in ATTACKS:
        assert f"| {attack.name} | {listed(attack)} |" in text, attack.name


def listed(attack: Attack) -> str:
    """Return how an attack stands in THREATS.md."""
    where = "no index" if attack.index is None else f"at {attack.index}"
    kept = " and ".join(each for each in attack.options if each != "keyless")
    return f"{attack.damage}, {where}" + (f", against {kept}" if kept else "")
