"""Calling subscribers back: when, whom, how often, and what became of it."""
