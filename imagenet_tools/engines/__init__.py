"""Run a pure function over tasks: local processes, a Ray cluster, slices of an array job."""
