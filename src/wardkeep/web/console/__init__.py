"""The console's work places: what the officer, the operator and the clinician look at."""
