"""Train the classifier and write its weights and their manifest: `make model`.

    python -m model.train --development DIR --vectors DIR --out src/wardkeep/privacy/data

A word is the sum of its features' vectors; eleven words side by side go through one hidden layer to class
probabilities. Two networks learn the same from different seeds. Reproducible. Without the development sets it trains on
our own corpus alone and says so.
"""

import argparse
import hashlib
import json
import os
import random
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from model.augment import Names, variants
from model.corpus import SHARED, Document, jsonl, own
from model.vectors import word_vectors
from scipy import sparse

from wardkeep.privacy.classify import words as w
from wardkeep.privacy.classify.classifier import FILES
from wardkeep.privacy.classify.network import CLASSES
from wardkeep.privacy.classify.words import read_words
from wardkeep.privacy.detect.lexicon import FIRST_COMMON, LAST_COMMON, MEDICAL, WORD, lexicon

HERE = Path(__file__).parent
NONE = -1
AVERAGED_FROM = 0.6
"""From what part of the training on weights are averaged."""
COMMON = FIRST_COMMON | LAST_COMMON | WORD | MEDICAL
"""Listed words that get a row of their own: common enough to be worth the space."""


class Features:
    """Feature numbers of words, remembered."""

    def __init__(self, vocabulary: dict[str, int], lists: dict[str, int], vectors: dict[str, np.ndarray]) -> None:
        self.vectors = vectors
        self.vocabulary = vocabulary
        self.lists = lists
        self.size = w.HASHED + w.FLAGS + len(vocabulary)
        self.known: dict[str, tuple[np.ndarray, int, int]] = {}

    def of(self, word: str) -> tuple[np.ndarray, int, int]:
        """Return (letter features, list feature, vocabulary feature or NONE)."""
        found = self.known.get(word)
        if found is None:
            number = self.vocabulary.get(word, NONE)
            found = (
                np.fromiter(w.letters(word), np.int32),
                w.HASHED + self.lists.get(word, 0),
                number if number == NONE else w.HASHED + w.FLAGS + number,
            )
            self.known[word] = found
        return found


def labels(document: Document, starts: list[int], ends: list[int]) -> np.ndarray:
    """Return the class number of each word; NONE where nothing is to be learnt."""
    marks = np.zeros(len(document.text) + 1, np.int8)
    for start, end, kind in document.spans:
        marks[start:end] = NONE if kind is None else CLASSES.index(kind)
    return np.array([max(marks[s:e], key=abs) for s, e in zip(starts.tolist(), ends.tolist(), strict=True)], np.int8)


def stream(
    documents: list[Document], weights: dict[str, float]
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Return words, looks, labels and weights of documents laid end to end with gaps of REACH between them."""
    all_words: list[str] = []
    all_looks: list[np.ndarray] = []
    all_labels: list[np.ndarray] = []
    all_weights: list[np.ndarray] = []
    pad = [""] * w.REACH
    for document in documents:
        reading = read_words(document.text)
        weight = weights.get(document.source.rstrip("_0123456789"), weights.get("", 1.0))
        all_words += pad + reading.words
        all_looks += [np.full(w.REACH, w.LOOKS, np.int16), reading.looks.astype(np.int16)]
        truth = labels(document, reading.starts, reading.ends)
        all_labels += [np.full(w.REACH, NONE, np.int8), truth]
        all_weights += [np.zeros(w.REACH, np.float32), np.full(len(truth), weight, np.float32)]
    return all_words, np.concatenate(all_looks), np.concatenate(all_labels), np.concatenate(all_weights)


class Network:
    """Embedding sum, window, hidden layer, softmax; trained by Adam (dense) and row-wise Adagrad (embeddings)."""

    def __init__(self, features: int, dimension: int, hidden: int, directions: int, seed: int) -> None:
        draw = np.random.default_rng(seed)
        window = 2 * w.REACH + 1
        self.embedding = (draw.standard_normal((features, dimension)) * 0.05).astype(np.float32)
        self.looks = (draw.standard_normal((w.LOOKS + 1, dimension)) * 0.05).astype(np.float32)
        self.wp = (draw.standard_normal((directions, dimension)) * 0.02).astype(np.float32)
        self.w1 = (draw.standard_normal((window * dimension, hidden)) / np.sqrt(window * dimension)).astype(np.float32)
        self.b1 = np.zeros(hidden, np.float32)
        self.w2 = (draw.standard_normal((hidden, len(CLASSES))) / np.sqrt(hidden)).astype(np.float32)
        self.b2 = np.zeros(len(CLASSES), np.float32)
        self.squares = np.full(features, 1e-4, np.float32)
        self.moments = {
            n: [np.zeros_like(getattr(self, n)) for _ in "mv"] for n in ("looks", "wp", "w1", "b1", "w2", "b2")
        }
        self.averaged = {n: np.zeros_like(getattr(self, n)) for n in ("embedding", *self.moments)}
        self.remembered = 0
        self.steps = 0
        self.drop = 0.2

    def step(  # noqa: PLR0917 - what a step sees, in the order of the stream
        self,
        matrix: sparse.csr_matrix,
        meanings: np.ndarray,
        inverse: np.ndarray,
        looks: np.ndarray,
        truth: np.ndarray,
        weight: np.ndarray,
        rate: float,
        draw: np.random.Generator,
    ) -> float:
        """Take one gradient step on a stretch of words; `matrix` has a row of features for each distinct word."""
        n, d = len(inverse), self.embedding.shape[1]
        used = np.unique(matrix.indices)
        local = sparse.csr_matrix(
            (matrix.data, np.searchsorted(used, matrix.indices), matrix.indptr), (matrix.shape[0], len(used))
        )
        distinct = local @ self.embedding[used] + meanings @ self.wp
        x = distinct[inverse] + self.looks[looks]
        keep = (draw.random((n, 1)) > 0.03).astype(np.float32)
        x *= keep
        reach = w.REACH
        padded = np.zeros((n + 2 * reach, d), np.float32)
        padded[reach : reach + n] = x
        window = np.concatenate([padded[k : k + n] for k in range(2 * reach + 1)], axis=1)
        raw = window @ self.w1 + self.b1
        hidden = np.maximum(raw, 0)
        drop = (draw.random(hidden.shape, np.float32) > self.drop).astype(np.float32) / (1 - self.drop)
        dropped = hidden * drop
        scores = dropped @ self.w2 + self.b2
        scores -= scores.max(1, keepdims=True)
        chances = np.exp(scores)
        chances /= chances.sum(1, keepdims=True)
        total = max(weight.sum(), 1.0)
        rows = np.arange(n)
        safe = np.where(truth < 0, 0, truth)
        loss = float(-(np.log(chances[rows, safe] + 1e-9) * weight).sum() / total)
        delta = chances
        delta[rows, safe] -= 1
        delta *= (weight / total)[:, None]
        gradients = {"w2": dropped.T @ delta, "b2": delta.sum(0)}
        back = (delta @ self.w2.T) * drop * (raw > 0)
        gradients["w1"] = window.T @ back
        gradients["b1"] = back.sum(0)
        wide = back @ self.w1.T
        into = np.zeros_like(padded)
        for k in range(2 * reach + 1):
            into[k : k + n] += wide[:, k * d : (k + 1) * d]
        dx = into[reach : reach + n] * keep
        seat = sparse.csr_matrix((np.ones(n, np.float32), (looks, np.arange(n))), (w.LOOKS + 1, n))
        gradients["looks"] = seat @ dx
        gather = sparse.csr_matrix((np.ones(n, np.float32), (inverse, np.arange(n))), (len(distinct), n))
        rows_back = gather @ dx
        update = local.T @ rows_back
        gradients["wp"] = meanings.T @ rows_back
        self.squares[used] += (update**2).mean(1) * 100
        self.embedding[used] -= rate * 12 * update / np.sqrt(self.squares[used])[:, None]
        self.steps += 1
        for name, gradient in gradients.items():
            m, v = self.moments[name]
            m *= 0.9
            m += 0.1 * gradient
            v *= 0.999
            v += 0.001 * gradient**2
            fix = np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
            getattr(self, name).__isub__(rate * fix * m / (np.sqrt(v) + 1e-8))
        return loss

    def remember(self) -> None:
        """Take the present weights into the average."""
        self.remembered += 1
        for name in self.averaged:
            self.averaged[name] += (getattr(self, name) - self.averaged[name]) / self.remembered

    def recall(self) -> None:
        """Put the average of the weights in their place: it errs less than any one of them."""
        for name, mean in self.averaged.items():
            setattr(self, name, mean)


def batch_matrix(
    words: list[str], features: Features, draw: np.random.Generator
) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Return features and meanings of distinct words (some forgotten, for words to come), and each word's row."""
    order: dict[tuple[str, int], int] = {}
    inverse = np.empty(len(words), np.int32)
    mood = draw.integers(0, 8, len(words))
    indices, pointers = [], [0]
    meant: list[np.ndarray] = []
    nothing = np.zeros(next(iter(features.vectors.values())).shape if features.vectors else 1, np.float32)
    for at, word in enumerate(words):
        # 0-1: without the vocabulary, 2: without word lists, 3: letters only; else all.
        key = (word, int(mood[at]) if mood[at] < 4 and word and word[0].isalpha() else 9)
        row = order.get(key)
        if row is None:
            row = order[key] = len(order)
            meant.append(nothing if key[1] in {0, 1, 3} else features.vectors.get(word, nothing))
            if word:
                letters, listed, known = features.of(word)
                parts = [letters]
                extra = []
                if key[1] not in {2, 3}:
                    extra.append(listed)
                if key[1] in {2, 9} and known != NONE:
                    extra.append(known)
                indices += [*parts, np.array(extra, np.int32)]
                pointers.append(pointers[-1] + len(letters) + len(extra))
            else:
                pointers.append(pointers[-1])
        inverse[at] = row
    flat = np.concatenate(indices) if indices else np.empty(0, np.int32)
    # Letters count by their mean, so that long words are not loud.
    data = np.ones(len(flat), np.float32)
    matrix = sparse.csr_matrix((data, flat, np.array(pointers, np.int32)), (len(order), features.size))
    return matrix, np.stack(meant), inverse


def load(development: Path | None, without: str) -> list[Document]:
    files = sorted((HERE / "corpus" / "train").glob("*.txt"))
    documents = [d for path in files if not (without and path.stem.startswith(without)) for d in own(path)]
    if development is None or not development.is_dir():
        print("development sets absent: training on our own corpus alone")
        return documents
    for name, classes in SHARED.items():
        documents += jsonl(development / f"{name}.jsonl", classes)
    return documents


# How often a pass takes a document of a source, and how much it counts.
TIMES = {"": 6.0, "clin_inject_a": 0.8, "meddocan_es_traindev": 0.35, "presidio_generated_large": 0.7,
         "presidio_synth_v": 0.7, "ner_wnut": 0.4, "ner_wikigold": 0.5, "ner_btc_a": 0.3, "ner_btc_b": 0.3,
         "ner_btc_e": 0.3, "ner_btc_f": 0.3, "ner_btc_g": 0.3, "ner_btc_h": 0.2}  # fmt: skip
WEIGHTS = {"": 1.0, "clin_inject_a": 0.6, "meddocan_es_traindev": 0.5, "presidio_generated_large": 0.5,
           "presidio_synth_v": 0.5, "ner_wnut": 0.3, "ner_wikigold": 0.3, "ner_btc_a": 0.2, "ner_btc_b": 0.2,
           "ner_btc_e": 0.2, "ner_btc_f": 0.2, "ner_btc_g": 0.2, "ner_btc_h": 0.2}  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--development", type=Path)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--vectors", type=Path)
    options.add_argument("--directions", type=int, default=96)
    options.add_argument("--passes", type=int, default=11)
    options.add_argument("--dimension", type=int, default=48)
    options.add_argument("--hidden", type=int, default=160)
    options.add_argument("--rate", type=float, default=0.002)
    options.add_argument("--drop", type=float, default=0.3)
    options.add_argument("--without", default="", help="leave out files that begin so, to measure on them")
    options.add_argument("--seed", type=int, default=20261123)
    chosen = options.parse_args()
    documents = load(chosen.development, chosen.without)
    for number, name in enumerate(FILES):
        fit(documents, chosen, chosen.seed + number, chosen.out / name)
        vouch(chosen.out / name, chosen, chosen.seed + number, documents)


def fit(documents: list[Document], chosen: argparse.Namespace, seed: int, out: Path) -> None:
    """Train one network and write its weights."""
    lists = lexicon()
    counts = Counter(word for d in documents for word in read_words(d.text).words)
    entity_words = Counter(
        word
        for d in documents
        for s, e, k in d.spans
        if k in {"NAME", "LOCATION"}
        for word in read_words(d.text[s:e]).words
    )
    # Words that are mostly parts of names are not to be learnt by heart.
    vocabulary_words = sorted(
        word
        for word, n in counts.items()
        if n >= 3 and entity_words[word] < 0.5 * n and (word.isalpha() or not word.isalnum())
    )
    vocabulary = {word: number for number, word in enumerate(vocabulary_words)}
    vectors = word_vectors(chosen.vectors, chosen.directions) if chosen.vectors else {}
    for word in vectors:
        vocabulary.setdefault(word, len(vocabulary))
    vocabulary_words = list(vocabulary)
    features = Features(vocabulary, lists, vectors)
    generator = random.Random(seed)
    draw = np.random.default_rng(seed)
    names = Names(lists, generator)
    network = Network(features.size, chosen.dimension, chosen.hidden, chosen.directions if vectors else 1, seed)
    network.drop = chosen.drop
    print(f"{len(documents)} documents, {len(vocabulary)} words", flush=True)
    stretch = 2500
    for number in range(chosen.passes):
        began = time.process_time()
        words, looks, truth, weight = stream(variants(documents, names, TIMES), WEIGHTS)
        weight = np.where(truth == NONE, 0, weight).astype(np.float32)
        losses = []
        for at in range(0, len(words), stretch):
            piece = slice(at, at + stretch)
            matrix, meanings, inverse = batch_matrix(words[piece], features, draw)
            done = (number + at / len(words)) / chosen.passes
            rate = chosen.rate * max(1 - 1.1 * done, 0.3)
            losses.append(
                network.step(matrix, meanings, inverse, looks[piece], truth[piece], weight[piece], rate, draw)
            )
            if done > AVERAGED_FROM and network.steps % 20 == 0:
                network.remember()
        spent = time.process_time() - began
        print(f"{out.name} {number + 1}: {len(words)} words, loss {np.mean(losses):.4f}, {spent:.0f} s CPU", flush=True)
    network.recall()
    save(network, features, vocabulary_words, out)


def save(network: Network, features: Features, vocabulary: list[str], out: Path) -> None:
    """Write what inference needs: letters and lists by hash, and known words with everything summed."""
    listed = sorted(word for word, flag in features.lists.items() if flag & COMMON and " " not in word)
    numbers = ["0" * n for n in range(1, 13)]
    chosen = list(dict.fromkeys([*vocabulary, *listed, *numbers]))
    rows = np.empty((len(chosen), network.embedding.shape[1]), np.float32)
    for number, word in enumerate(chosen):
        letters, list_feature, known = features.of(word)
        rows[number] = network.embedding[letters].sum(0) + network.embedding[list_feature]
        if known != NONE:
            rows[number] += network.embedding[known]
            if word in features.vectors:
                rows[number] += features.vectors[word] @ network.wp
    stored = {
        "lists": network.embedding[w.HASHED : w.HASHED + w.FLAGS].astype(np.float16),
        "looks": network.looks, "b1": network.b1, "w2": network.w2, "b2": network.b2,
        "w1": network.w1.astype(np.float16),
        "vocabulary": np.frombuffer("\n".join(v if v != "\n" else "\\n" for v in chosen).encode(), np.uint8),
    }  # fmt: skip
    for name, wide in (("letters", network.embedding[: w.HASHED]), ("rows", rows)):
        scale = np.maximum(np.quantile(np.abs(wide), 0.9999, axis=0), 1e-6) / 127
        stored[name] = np.clip(np.rint(wide / scale), -127, 127).astype(np.int8)
        stored[f"{name}_scale"] = scale.astype(np.float32)
    np.savez_compressed(out, **stored)


LICENCES = {
    "clin_inject_a": "CC BY 4.0 (carriers ACI-Bench, MTS-Dialog)",
    "meddocan_es_traindev": "CC BY 4.0 (SPACCC MEDDOCAN)",
    "ner_wnut17_train": "CC BY 4.0", "ner_btc": "CC BY 4.0", "ner_wikigold": "CC BY 4.0",
    "presidio_generated_large": "MIT", "presidio_synth_v2": "MIT",
}  # fmt: skip


def vouch(out: Path, chosen: argparse.Namespace, seed: int, documents: list[Document]) -> None:
    """Write the manifest's entry: what the weights are, and what they were trained on."""
    path = out.parent / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    sources = Counter(d.source for d in documents)
    manifest[out.name] = {
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "version": w.VERSION,
        "licence": "Apache-2.0",
        "seed": seed,
        "passes": chosen.passes,
        "dimension": chosen.dimension,
        "hidden": chosen.hidden,
        "word_vectors": "all-MiniLM-L6-v2 token embeddings (Apache-2.0)" if chosen.vectors else None,
        "documents": {
            name: {
                "count": count,
                "licence": next((v for k, v in LICENCES.items() if name.startswith(k)), "Apache-2.0"),
            }
            for name, count in sorted(sources.items())
        },
    }
    path.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
