"""The telephone's media door."""
