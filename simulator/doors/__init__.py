"""The ways into the bot: one module a door, each the client side of what real subscribers use."""
