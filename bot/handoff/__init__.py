"""What a person who takes the call is given: the context packet, its summary and its schema."""
