"""Measured speeds: `python -m benchmarks` runs every row and writes docs/why/benchmarks.md."""
