"""Measured speeds: `python -m benchmarks` runs every row and writes docs/benchmarks.md."""
