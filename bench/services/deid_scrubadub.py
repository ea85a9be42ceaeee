"""scrubadub with the detectors it loads by default."""

import scrubadub
from deid_loop import run


def make():
    scrubber = scrubadub.Scrubber()
    return lambda text: ((filth.beg, filth.end) for filth in scrubber.iter_filth(text))


if __name__ == "__main__":
    run(make)
