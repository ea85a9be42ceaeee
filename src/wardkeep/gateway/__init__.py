"""The road of one call: start with `pipeline.handle`."""
