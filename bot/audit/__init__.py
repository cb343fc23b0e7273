"""Who opened which case: an append-only log, and the exchange of references for packets that it stands behind."""
