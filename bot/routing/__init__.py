"""Choosing the site that answers: pure, explained, and replayable from the record."""
