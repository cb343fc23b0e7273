"""The agent desk: where people at the sites sign in, are offered calls and take them. Knows the bot by its ports."""
