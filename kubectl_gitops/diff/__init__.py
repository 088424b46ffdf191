"""Diff, purely: field sets, projection, comparison. No I/O, and nothing of ours but api/."""
