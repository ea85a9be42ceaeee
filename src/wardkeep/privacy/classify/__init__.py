"""The classifier trained in this repository (`make model`): stage 4 of de-identification."""

import os

# Before numpy is loaded: a thread more costs more than these small products gain.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
