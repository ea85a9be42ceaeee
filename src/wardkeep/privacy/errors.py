"""What can go wrong in `privacy`. Every one of these means: nothing may leave (fail closed).

DetectorUnavailable   the engine or its data is missing or damaged: the operator reinstalls; PHI routes stay shut
DetectorFailed        a recogniser broke on a text: the caller refuses this call and the operator reports the rule
MalformedLine         a line of a batch is not what the command reads: the user mends that line
PolicyInvalid         a privacy policy names what is not known or permits what its mode may not: its author mends it
DocumentUnreadable    a file is not what its format says, or holds what cannot be read: it is refused whole
ReleaseRefused        what a release needs by law is missing: whoever releases gets it on record
"""


class DetectorUnavailable(RuntimeError):  # noqa: N818  (it names a state; the gateway reads better with it)
    """The scan engine or a word list is missing, damaged or of another version. The operator reinstalls the package."""


class DetectorFailed(RuntimeError):  # noqa: N818
    """A recogniser raised. The caller must refuse the text; the message names the rule and never the text."""


class MalformedLine(ValueError):  # noqa: N818
    """A line of a batch cannot be read. The message has its number and never its content."""


class PolicyInvalid(ValueError):  # noqa: N818
    """A privacy policy or the list of classes cannot be used. The message names our own words, never a value."""


class DocumentUnreadable(ValueError):  # noqa: N818
    """A file cannot be read whole, so none of it is passed on. The message has a place and never content."""


class ReleaseRefused(ValueError):  # noqa: N818
    """A step of a release lacks what 45 CFR 164.514 asks for. The message says what is missing."""
