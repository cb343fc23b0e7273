"""The record of calls: redaction, the journal, the store, and the views folded from events."""
