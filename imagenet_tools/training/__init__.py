"""Train a net on records under one pipeline: recipe, batches, step, loop, and the run's folder."""
