"""What an API server asks before it takes a resource of ours: to fill it in, to check it, to write it in another version."""
