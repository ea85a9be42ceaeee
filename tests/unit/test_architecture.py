"""Rules that a reader could break without noticing, held by reading the source: DESIGN section 2, HOUSE-STYLE."""

import ast
import itertools
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import wardkeep
from wardkeep.model.reasons import EXPLANATIONS, Reason

SRC = Path(wardkeep.__file__).parent
FILES = sorted(path.relative_to(SRC).as_posix() for path in SRC.rglob("*.py"))


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((SRC / file).read_text(encoding="utf-8"), filename=file)


def everything() -> Iterator[tuple[str, ast.AST]]:
    for file in FILES:
        for node in ast.walk(tree(file)):
            yield file, node


def called(node: ast.Call) -> str:
    """Return the last name of what is called: `Routed` for `stages.Routed(...)`."""
    return (
        node.func.attr
        if isinstance(node.func, ast.Attribute)
        else node.func.id
        if isinstance(node.func, ast.Name)
        else ""
    )


# --- proofs ----------------------------------------------------------------------------------------------------------

# model/stages.py: each type is made in one place only, so holding one proves that its stage ran
MAKERS = {
    "Identified": "identity/keys.py",
    "Facts": "compliance/facts.py",
    "Permitted": "policy/decide.py",
    "Safe": "gateway/safe.py",
    "Routed": "routing/choose.py",
    "Opened": "gateway/record.py",
}


def _knows(file: str, proof: str) -> bool:
    """Whether the file could mean the proof by this name, and not a class of its own."""
    return any(
        (
            isinstance(node, ast.ImportFrom)
            and (
                (node.module == "wardkeep.model.stages" and any(alias.name in {proof, "*"} for alias in node.names))
                or (node.module == "wardkeep.model" and any(alias.name == "stages" for alias in node.names))
            )
        )
        or (isinstance(node, ast.Import) and any(alias.name == "wardkeep.model.stages" for alias in node.names))
        for node in ast.walk(tree(file))
    )


@pytest.mark.parametrize("proof", sorted(MAKERS))
def test_a_proof_is_made_in_its_own_module_only(proof: str) -> None:
    makers = {
        file
        for file, node in everything()
        if isinstance(node, ast.Call) and called(node) == proof and _knows(file, proof)
    }
    assert makers == {MAKERS[proof]}


@pytest.mark.parametrize(
    "proof",
    sorted(MAKERS),
)
def test_a_proofs_name_means_nothing_else(proof: str) -> None:
    """One word for one idea (HOUSE-STYLE section 7)."""
    assert {file for file, node in everything() if isinstance(node, ast.ClassDef) and node.name == proof} == {
        "model/stages.py"
    }


@pytest.mark.parametrize("proof", sorted(MAKERS))
def test_a_proof_has_no_second_name_and_no_heir(proof: str) -> None:
    def names(node: ast.AST | None) -> set[str]:
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()

    for file, node in everything():
        if isinstance(node, ast.ClassDef):
            assert proof not in set().union(*(names(base) for base in node.bases)), file
        elif isinstance(node, ast.ImportFrom):
            assert not any(alias.name == proof and alias.asname for alias in node.names), file
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            assert node.value.id != proof, file
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == proof:
            # Routed.__new__(Routed) and the like
            assert not node.attr.startswith("__"), file


# Whoever may copy a record with changes could also copy a proof with changes.
ON_THE_ROAD = ("gateway/", "policy/", "routing/", "identity/", "providers/", "web/", "privacy/")


def test_no_proof_is_altered_or_forged() -> None:
    for file, node in everything():
        if not isinstance(node, ast.Call):
            continue
        if file.startswith(ON_THE_ROAD):
            assert called(node) not in {"replace", "__replace__", "deepcopy"} or _is_text_replace(node), (
                f"{file}:{node.lineno}"
            )
        assert called(node) not in {"__setattr__", "__new__"}, f"{file}:{node.lineno}"
        if called(node) == "cast" and node.args:
            words = {n.id for n in ast.walk(node.args[0]) if isinstance(n, ast.Name)}
            assert not words & MAKERS.keys(), f"{file}:{node.lineno}"


def _is_text_replace(node: ast.Call) -> bool:
    """`text.replace(a, b)` has two positional arguments; `dataclasses.replace(x, name=...)` has keywords."""
    return isinstance(node.func, ast.Attribute) and len(node.args) in {2, 3} and not node.keywords


# --- state -----------------------------------------------------------------------------------------------------------

_MUTABLE_CALLS = {
    "dict",
    "list",
    "set",
    "bytearray",
    "defaultdict",
    "deque",
    "OrderedDict",
    "Counter",
    "WeakValueDictionary",
}
_MUTATORS = {
    "append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "setdefault", "add", "discard",
    "sort", "reverse", "appendleft", "popleft", "difference_update", "intersection_update", "__setitem__",
}  # fmt: skip


def _holds_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp):
        return True
    if isinstance(value, ast.BinOp):
        return _holds_mutable(value.left) or _holds_mutable(value.right)
    return isinstance(value, ast.Call) and called(value) in _MUTABLE_CALLS


def _module_level(file: str) -> Iterator[tuple[str, bool]]:
    """Yield each module-level name that holds a mutable container, and whether it is declared Final."""
    for node in tree(file).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _holds_mutable(node.value):
            yield node.target.id, "Final" in ast.dump(node.annotation)
        elif isinstance(node, ast.Assign) and _holds_mutable(node.value):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id != "__all__":
                    yield target.id, False


@pytest.mark.parametrize(
    "file",
    FILES,
)
def test_a_table_at_module_level_is_final(file: str) -> None:
    assert [name for name, is_final in _module_level(file) if not is_final] == []


def test_no_table_is_ever_written_to() -> None:
    tables = {name for file in FILES for name, _ in _module_level(file)}
    for file, node in everything():
        written: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            written = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            written = node.func.value
        elif isinstance(node, ast.AugAssign):
            written = node.target
        name = (
            written.id
            if isinstance(written, ast.Name)
            else written.attr
            if isinstance(written, ast.Attribute)
            else None
        )
        if name is not None and name.isupper():
            assert name not in tables, f"{file}:{node.lineno}"


def test_there_is_no_global() -> None:
    assert [f"{file}:{node.lineno}" for file, node in everything() if isinstance(node, ast.Global)] == []


def test_nothing_remembers_between_calls_behind_our_back() -> None:
    """A cached function is module-level state. Only what is loaded from the package itself may be remembered."""
    # word lists and compiled patterns are the package's own data; the boot id cannot change while the process lives
    # and the padded blocks of the process's own few MAC keys
    allowed = {"privacy", "settings.py", "crypto"}
    # the package's own texts, courses, profiles and catalogue, given out read-only
    own_data = {f"compliance/{name}/__init__.py" for name in ("policy_texts", "courses", "profiles", "catalogue")}
    for file, node in everything():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                name = {n.id for n in ast.walk(decorator) if isinstance(n, ast.Name)} | {
                    n.attr for n in ast.walk(decorator) if isinstance(n, ast.Attribute)
                }
                if name & {"cache", "lru_cache"}:
                    assert file.split("/")[0] in allowed or file in own_data, f"{file}:{node.lineno}"


def test_no_argument_default_is_shared() -> None:
    for file, node in everything():
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
            assert not any(_holds_mutable(default) for default in defaults), f"{file}:{node.lineno}"


# --- failing closed --------------------------------------------------------------------------------------------------

# HOUSE-STYLE section 4: only the outermost places may catch what they do not name.
OUTERMOST = {
    ("web/guard.py", "Exception"),  # the HTTP edge
    ("web/control.py", "Exception"),  # the edge of the control API on its socket
    ("audit/ledger.py", "Exception"),  # the sequencer thread's loop
    ("transport/unix.py", "Exception"),  # the keeper's loop
}


def _broad(handler: ast.ExceptHandler) -> str | None:
    if handler.type is None:
        return "everything"
    names = {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)}
    return next((name for name in ("BaseException", "Exception") if name in names), None)


def _reraises(handler: ast.ExceptHandler) -> bool:
    """Whether it only tidies up: its last statement lets the same error go on."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_only_the_outermost_places_catch_what_they_do_not_name() -> None:
    found = {
        (file, str(_broad(node)))
        for file, node in everything()
        if isinstance(node, ast.ExceptHandler) and _broad(node) and not _reraises(node)
    }
    assert found <= OUTERMOST, found - OUTERMOST


# Owed: "never `pass`". To be emptied, not to be added to.
PASSED_OVER = {"privacy/reidentify.py"}


def test_no_error_is_passed_over() -> None:
    for file, node in everything():
        if isinstance(node, ast.ExceptHandler) and file not in PASSED_OVER:
            assert not all(isinstance(s, ast.Pass) for s in node.body), f"{file}:{node.lineno}"
        if isinstance(node, ast.Call) and called(node) == "suppress":
            names = {n.id for n in itertools.chain(*(ast.walk(a) for a in node.args)) if isinstance(n, ast.Name)}
            assert not names & {"Exception", "BaseException"}, f"{file}:{node.lineno}"


def test_nothing_is_asserted_away() -> None:
    """`python -O` drops assert: on the road a check that matters raises or refuses by name."""
    for file, node in everything():
        if file.startswith(("policy/", "routing/", "gateway/", "identity/", "model/", "audit/")):
            assert not isinstance(node, ast.Assert), f"{file}:{node.lineno}"


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_a_module_says_what_it_is_for(file: str) -> None:
    assert ast.get_docstring(tree(file)), file


def test_only_the_command_line_prints() -> None:
    printing = [
        (file, node)
        for file, node in everything()
        if isinstance(node, ast.Call) and called(node) == "print" and not file.startswith("cli/")
    ]
    # the process's own log goes to standard error, through one function of the composition root
    assert len(printing) <= 1, [f"{file}:{node.lineno}" for file, node in printing]
    for file, node in printing:
        assert file.startswith("app/"), file
        assert any(k.arg == "file" and ast.unparse(k.value) == "sys.stderr" for k in node.keywords), file


def test_chance_comes_from_the_system_only() -> None:
    """`random` can be predicted: surrogates, keys and ids made with it could be guessed."""
    for file, node in everything():
        if file.startswith("demo/"):
            continue  # simulated vendors repeat themselves by seed, and keep no secret
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        assert not {"random", "numpy.random"} & set(names), f"{file}:{node.lineno}"


# --- reasons ---------------------------------------------------------------------------------------------------------


def test_every_reason_is_explained_and_every_explanation_has_a_reason() -> None:
    assert set(EXPLANATIONS) == set(Reason)


# Named before the capability that will give them exists (DESIGN section 11: declared, visibly).
NOT_YET_GIVEN = {Reason.CONVERSATION_NOT_OWNED}


def test_every_reason_is_given_somewhere() -> None:
    used = {
        node.attr
        for file, node in everything()
        if file != "model/reasons.py"
        and isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Reason"
    }
    assert {reason.name for reason in Reason} - used == {reason.name for reason in NOT_YET_GIVEN}


def test_a_reason_is_named_and_never_spelled() -> None:
    """A code written as a string would not follow when the vocabulary is read."""
    codes = {reason.value for reason in Reason}
    for file, node in everything():
        if file.startswith(("policy/", "routing/", "gateway/", "identity/")) and isinstance(node, ast.Constant):
            assert node.value not in codes, f"{file}:{node.lineno}"
