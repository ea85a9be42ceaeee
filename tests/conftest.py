"""Property tests draw the same examples in every run of the suite, so that a failure belongs to the change under test.

`make fuzz` draws others each time; what it finds becomes a test of its own.
"""

from hypothesis import settings

# No deadline: a busy machine is no defect.
settings.register_profile("same", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("new", deadline=None)
settings.load_profile("same")
