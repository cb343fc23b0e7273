"""The Asterisk that carries the calls: where it is, and its configuration."""
