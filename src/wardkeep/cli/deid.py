"""`wardkeep deid`: detection and de-identification offline.

Prints what was found and never a claim: software cannot certify 45 CFR 164.514. What takes a policy is in
`_deid_policies`. `spans` reads and writes lines, keeps the order of its lines,
also over several processes. Nothing that was read is repeated in an error.
"""

import io
import multiprocessing
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import count, cycle, islice
from multiprocessing.connection import Connection
from typing import Annotated, Final

import typer

from wardkeep.cli._deid_file import file
from wardkeep.cli._deid_policies import explain, policies, text, told_plainly
from wardkeep.cli._options import Home, Json
from wardkeep.privacy.detect.nomination import Policy
from wardkeep.privacy.errors import DetectorFailed, DetectorUnavailable, MalformedLine
from wardkeep.privacy.jsonl import spans_jsonl

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
    group.command("file")(file)
    group.command("policies")(policies)
    root.add_typer(group, name="deid")


def spans(
    *,
    home: Home,  # noqa: ARG001 - every command has it
    policy: Chosen = PolicyName.BALANCED,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
    json: Json = False,  # noqa: ARG001 - every command has it; the output is JSON lines
) -> None:
    """Read {"id","text"} lines, write {"id","spans"} lines in the same order; offsets are code points."""
    with told_plainly():
        lines = _lines()
        found = spans_jsonl(lines, policy.policy) if jobs == 1 else _parallel(lines, policy.policy, jobs)
        for line in found:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


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
