"""Composition: the only place that builds and connects objects.

`serve` starts one instance. With one worker everything runs in one process; with more, a keeper process holds the root
and signing keys, the ledger and the control tables, and equal workers reach it over a Unix socket.
"""

from wardkeep.app.serving import Addresses, serve

__all__ = ["Addresses", "serve"]
