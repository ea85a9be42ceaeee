"""openmed's rules, without weights: the patterns of its safety sweep together with its clinical context rules."""

from deid_loop import run
from openmed.core.clinical_identifiers import detect_clinical_identifiers
from openmed.core.safety_sweep import safety_sweep


def make():
    def find(text):
        found = [*safety_sweep(text, [], lang="en"), *detect_clinical_identifiers(text, language="en")]
        return [(each.start, each.end) for each in found]

    return find


if __name__ == "__main__":
    run(make)
