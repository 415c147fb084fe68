"""What the controller does in a cluster beside its rounds: it leads alone, keeps Services, and tells what happened."""
