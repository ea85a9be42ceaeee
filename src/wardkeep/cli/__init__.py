"""The `wardkeep` command line: thin commands over the control API and the offline tools."""
