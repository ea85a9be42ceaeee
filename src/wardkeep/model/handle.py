"""The grammar of a handle: what a call names its subject, conversation and person by, and nothing else.

What is agreed about an individual is found by the handle of the call. One that no call can carry would be kept and bar
nothing, so whoever records something about a handle holds it to the same grammar (`compliance.terms.clean_handle`).
"""

import re
from typing import Final

HANDLE: Final = re.compile(r"[A-Za-z0-9_.:@-]{1,128}")
