"""Prompt security: signals of injection in what goes in, of leaks in what comes out. Signals, never a promise."""
