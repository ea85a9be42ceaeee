"""`wardkeep deid`: detection and de-identification offline, from standard input to standard output.

Prints what was found and never a claim: software cannot certify 45 CFR 164.514. `spans` keeps the order of its lines,
also over several processes. Nothing that was read is repeated in an error.
"""

import contextlib
import io
import multiprocessing
import re
import secrets
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import count, cycle, islice
from multiprocessing.connection import Connection
from typing import Annotated, Final

import typer

from wardkeep.cli._failure import CommandFailed
from wardkeep.cli._options import Home, Json, print_json, print_lines
from wardkeep.model.spans import Leaf, LeafKind
from wardkeep.privacy.deidentify import deidentify
from wardkeep.privacy.detect.detector import Detector
from wardkeep.privacy.detect.nomination import Policy
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable, MalformedLine
from wardkeep.privacy.jsonl import spans_jsonl
from wardkeep.privacy.surrogates import Surrogates

_CHUNK: Final = 64
_LINE_NUMBER: Final = re.compile(r"line (\d+): (.*)")


class PolicyName(StrEnum):
    """How much doubt is masked."""

    STRICT = "strict"
    BALANCED = "balanced"

    @property
    def policy(self) -> Policy:
        """The detector's name for it."""
        return "strict" if self is PolicyName.STRICT else "balanced"


Chosen = Annotated[PolicyName, typer.Option("--policy", help="strict masks more, balanced reads better.")]


def register(root: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Detect and replace identifiers, offline.")
    group.command("spans")(spans)
    group.command("text")(text)
    group.command("explain")(explain)
    root.add_typer(group, name="deid")


def spans(
    *,
    home: Home,  # noqa: ARG001 - every command has it
    policy: Chosen = PolicyName.BALANCED,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    json: Json = False,  # noqa: ARG001 - every command has it; the output is JSON lines
) -> None:
    """Read {"id","text"} lines, write {"id","spans"} lines in the same order; offsets are code points."""
    with _told_plainly():
        lines = _lines()
        found = spans_jsonl(lines, policy.policy) if jobs == 1 else _parallel(lines, policy.policy, jobs)
        for line in found:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


def text(
    *,
    home: Home,  # noqa: ARG001 - every command has it
    policy: Chosen = PolicyName.BALANCED,
    json: Json = False,
) -> None:
    """Read one text, write it with surrogates; the key of the surrogates is forgotten."""
    with _told_plainly():
        given = _whole()
        leaf = Leaf(given, None, LeafKind.TEXT)
        done = deidentify(
            [leaf],
            detector=Detector(policy.policy),
            surrogates=Surrogates(secrets.token_bytes(32)),
            keep=frozenset(),
            known=(),
        )
    replaced = given if done.texts[0] is None else done.texts[0]
    if json:
        print_json({"text": replaced, "counts": {kind.value: number for kind, number in done.counts.items()}})
    else:
        sys.stdout.write(replaced)


def explain(
    *,
    home: Home,  # noqa: ARG001 - every command has it
    policy: Chosen = PolicyName.BALANCED,
    json: Json = False,
) -> None:
    """Read one text, write where something was found, of which type, and by which rule; never the text."""
    with _told_plainly():
        found = Detector(policy.policy).find(_whole())
    if json:
        print_json([{"start": s.start, "end": s.end, "type": s.type.value, "rule": s.rule} for s in found])
    else:
        print_lines(*(f"{s.start}-{s.end}\t{s.type.value}\t{s.rule}" for s in found))


def _lines() -> Iterator[str]:
    """Yield lines of standard input; only a line feed ends one."""
    stream = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline="\n")
    for number in count(1):
        try:
            line = stream.readline()
        except UnicodeDecodeError:
            raise MalformedLine(f"line {number} or a later one: not UTF-8") from None
        if not line:
            return
        yield line


def _whole() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedLine("line 1 or a later one: not UTF-8") from None


def _parallel(lines: Iterator[str], policy: Policy, jobs: int) -> Iterator[str]:
    """Deal chunks to the processes in turn and collect in the same turn, so that order is kept without sorting."""
    context = multiprocessing.get_context("spawn")
    links: list[Connection] = []
    processes = []
    try:
        for _ in range(jobs):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, policy), daemon=True)
            process.start()
            there.close()
            links.append(here)
            processes.append(process)
        sent = 0
        for link in islice(cycle(links), jobs):
            sent += _deal(link, lines)
        for received, link in enumerate(cycle(links)):
            if received == sent:
                return
            outcome = _collect(link)
            if isinstance(outcome, tuple):
                raise MalformedLine(_global_line(received, outcome))
            sent += _deal(link, lines)
            yield from outcome
    finally:
        for link in links:
            link.close()
        for process in processes:
            process.terminate()
            process.join()


def _deal(link: Connection, lines: Iterator[str]) -> int:
    chunk = list(islice(lines, _CHUNK))
    if chunk:
        link.send(chunk)
    return 1 if chunk else 0


def _collect(link: Connection) -> list[str] | tuple[int, str]:
    try:
        outcome = link.recv()
    except EOFError as error:
        raise DetectorFailed("a detection process ended") from error
    if isinstance(outcome, list | tuple):
        return outcome
    raise DetectorFailed("a recogniser failed in a detection process")


def _global_line(chunks_before: int, local: tuple[int, str]) -> str:
    number, message = local
    return f"line {chunks_before * _CHUNK + (number - 1) % _CHUNK + 1}: {message}"


def _work(link: Connection, policy: Policy) -> None:
    """Serve chunks in a process of its own: a list of output lines each, or (line, message), or the error's name."""
    outputs: list[str] = []

    def feed() -> Iterator[str]:
        while True:
            try:
                chunk = link.recv()
            except EOFError:
                return
            yield from chunk
            # The reader asks for more only when all of the chunk is answered.
            link.send(list(outputs))
            outputs.clear()

    try:
        for line in spans_jsonl(feed(), policy):
            outputs.append(line)  # noqa: PERF402 - `feed` reads and clears the list between two lines
    except MalformedLine as error:
        shape = _LINE_NUMBER.fullmatch(str(error))
        link.send((int(shape.group(1)), shape.group(2)) if shape is not None else (1, "cannot be read"))
    except (DetectorFailed, DetectorUnavailable) as error:
        link.send(type(error).__name__)


@contextlib.contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except MalformedLine as error:
        sys.stdout.flush()
        raise CommandFailed(
            "line_malformed",
            what=f"The input stops at {error}.",
            why="A line that cannot be read is not passed on.",
            fix='Each line is one JSON object in UTF-8 with "id" and a string "text".',
        ) from None
    except (DetectorFailed, DetectorUnavailable) as error:
        raise CommandFailed(
            "detector_failed",
            what=f"Detection could not run ({type(error).__name__}).",
            why="Text that was not examined is not passed on.",
            fix="Run `wardkeep doctor`; reinstall the package if its data is damaged.",
        ) from error
