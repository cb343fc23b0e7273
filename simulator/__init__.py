"""A subscriber played by the machine: a client of the bot that speaks, keys, interrupts, listens, measures."""
