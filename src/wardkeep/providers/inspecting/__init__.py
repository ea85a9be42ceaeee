"""Asks vendors' own interfaces about deployments: one file a platform, each returns what was said, judged elsewhere."""
