"""What can go wrong in `privacy`. Every one of these means: nothing may leave (fail closed).

DetectorUnavailable   the engine or its data is missing or damaged: the operator reinstalls; PHI routes stay shut
DetectorFailed        a recogniser broke on a text: the caller refuses this call and the operator reports the rule
MalformedLine         a line of a batch is not what the command reads: the user mends that line
"""


class DetectorUnavailable(RuntimeError):  # noqa: N818  (it names a state; the gateway reads better with it)
    """The scan engine or a word list is missing, damaged or of another version. The operator reinstalls the package."""


class DetectorFailed(RuntimeError):  # noqa: N818
    """A recogniser raised. The caller must refuse the text; the message names the rule and never the text."""


class MalformedLine(ValueError):  # noqa: N818
    """A line of a batch cannot be read. The message has its number and never its content."""
