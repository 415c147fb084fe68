"""Event types that were seen, as rows of a compacted topic."""
