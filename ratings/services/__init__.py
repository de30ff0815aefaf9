"""The writers: one call, one transaction, one audit event."""
