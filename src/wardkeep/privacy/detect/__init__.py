"""Detection: one recogniser a file, one engine (`detector`) that asks them all."""
