"""Property tests draw the same examples in every run of the suite, so that a failure belongs to the change under test.

`make fuzz` draws others each time; what it finds becomes a test of its own.
"""

from hypothesis import settings

settings.register_profile("same", derandomize=True, print_blob=True)
settings.load_profile("same")
