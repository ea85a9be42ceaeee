"""Check an evidence pack offline: this file, `verify.py` beside it, the standard library and `cryptography`.

    python verify_pack.py PACK [--public-key FILE] [--json]

PACK is the directory of a pack. What is checked: that `manifest.json` is the one whose hash stands in a ledger entry,
which is proved under the log's signed head (`manifest.proof`); that every file is there with the bytes that the
manifest names, and no other; that every proof in `proofs/` holds under the same key; that the entries of the excerpt
follow one another by index and hash, and are the ones that the proofs prove; and that every sample that a control
names is proved.

Give `--public-key` with a key that you got on another way: the one inside the pack proves only that the pack agrees
with itself. What `verify.py` says it does not prove, this does not prove either.
"""

import argparse
import importlib.util
import json
import sys
from base64 import b64decode
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, Final

MANIFEST: Final = "manifest.json"
PROOF: Final = "manifest.proof"
KEY: Final = "ledger.pub"
_UNLISTED: Final = frozenset({MANIFEST, PROOF})


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was found. `wrong` is empty when the pack holds."""

    files: int = 0
    proofs: int = 0
    entries: int = 0
    sealed_in: int | None = None
    key: str = "given"
    wrong: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def check(pack: Path, public_key: Path | None = None) -> Outcome:
    """Check a pack; what is wrong is named."""
    found = Outcome(key="given" if public_key is not None else "the pack's own")
    key = public_key if public_key is not None else pack / KEY
    verifier = _verifier()
    manifest = _checked_manifest(pack, key, verifier, found)
    if manifest is None:
        return found
    _check_files(pack, manifest, found)
    proved = _check_proofs(pack, key, verifier, found)
    _check_excerpt(pack, proved, found)
    _check_samples(pack, proved, found)
    return found


def _checked_manifest(pack: Path, key: Path, verifier: ModuleType, found: Outcome) -> dict[str, Any] | None:
    try:
        raw = (pack / MANIFEST).read_bytes()
        manifest = json.loads(raw)
        result = verifier.verify_proof(pack / PROOF, key)
        header = _header(pack / PROOF)
    except (OSError, ValueError, verifier.UnusableInput) as error:
        found.wrong.append(f"the manifest or its proof cannot be read ({type(error).__name__})")
        return None
    if not result.ok:
        found.wrong.append(f"the manifest's proof does not hold: {result.detail}")
    elif (header.get("detail") or {}).get("manifest") != sha256(raw).hexdigest():
        found.wrong.append("the ledger entry names another manifest")
    else:
        found.sealed_in = int(header["index"])
    return manifest if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict) else None


def _check_files(pack: Path, manifest: dict[str, Any], found: Outcome) -> None:
    listed = manifest["files"]
    there = {each.relative_to(pack).as_posix() for each in pack.rglob("*") if each.is_file()} - _UNLISTED
    found.wrong += [f"{name} is not in the manifest" for name in sorted(there - listed.keys())]
    for name, each in sorted(listed.items()):
        if name not in there:
            found.wrong.append(f"{name} is missing")
        elif sha256((pack / name).read_bytes()).hexdigest() != each["sha256"]:
            found.wrong.append(f"{name} was changed")
        else:
            found.files += 1


def _check_proofs(pack: Path, key: Path, verifier: ModuleType, found: Outcome) -> dict[int, dict[str, Any]]:
    proved: dict[int, dict[str, Any]] = {}
    for file in sorted((pack / "proofs").glob("*.proof")):
        try:
            result = verifier.verify_proof(file, key)
            header = _header(file)
        except (OSError, ValueError, verifier.UnusableInput) as error:
            found.wrong.append(f"{file.name} cannot be read ({type(error).__name__})")
            continue
        if result.ok and file.name == f"{header.get('index')}.proof":
            proved[int(header["index"])] = header
            found.proofs += 1
        else:
            found.wrong.append(f"{file.name} does not hold: {result.detail or 'it is of another entry'}")
    return proved


def _check_excerpt(pack: Path, proved: dict[int, dict[str, Any]], found: Outcome) -> None:
    file = pack / "ledger-excerpt.jsonl"
    previous: tuple[int, str] | None = None
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        try:
            header = json.loads(line)
            index, prev = int(header["index"]), str(header["prev"])
        except (ValueError, KeyError, TypeError):
            found.wrong.append("a line of the excerpt is no header")
            return
        if previous is not None and (index, prev) != (previous[0] + 1, previous[1]):
            found.wrong.append(f"entry {index} of the excerpt does not follow the one before")
        if index in proved and proved[index] != header:
            found.wrong.append(f"entry {index} of the excerpt is not the one that is proved")
        previous = (index, sha256(b"\x00" + line).hexdigest())
        found.entries += 1


def _check_samples(pack: Path, proved: dict[int, dict[str, Any]], found: Outcome) -> None:
    try:
        controls = json.loads((pack / "status.json").read_bytes())
        named = {int(sample["entry"]) for each in controls for sample in each["samples"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        found.wrong.append(f"status.json cannot be read ({type(error).__name__})")
        return
    found.wrong += [f"sample {index} has no proof that holds" for index in sorted(named - proved.keys())]


def _header(proof: Path) -> dict[str, Any]:
    """Return the header that a proof carries; `verify.py` has checked that the proof is one."""
    line = next(each for each in proof.read_text("ascii", "replace").split("\n") if each.startswith("extra "))
    header = json.loads(b64decode(line[6:], validate=True))
    if not isinstance(header, dict):
        raise ValueError("no header")  # noqa: TRY004 - one kind of error for whatever a proof may hold
    return header


def _verifier() -> ModuleType:
    """Return `verify.py`, the file beside this one: a pack carries both, and imports nothing of Wardkeep."""
    file = Path(__file__).with_name("verify.py")
    spec = importlib.util.spec_from_file_location("wardkeep_verify", file)
    if spec is None or spec.loader is None:
        raise SystemExit("verify.py is not beside this file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    # A pack that is looked at must not change: no compiled file beside it.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


def main(arguments: list[str] | None = None) -> int:
    """Check and tell; 0 only when nothing is wrong."""
    parser = argparse.ArgumentParser(description="Check an evidence pack offline.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("--public-key", type=Path, help="The ledger's published key, got on another way.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found = check(given.pack, given.public_key)
    told = {"ok": found.ok, **asdict(found)}
    if given.json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write("".join(f"{name}: {value}\n" for name, value in told.items() if name != "wrong"))
        sys.stdout.write("".join(f"WRONG: {each}\n" for each in found.wrong))
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
