"""A file for each side: `run(job)` yields the facts of its stages, the same ones on every side."""
