"""The Kubernetes API as far as Kanal's kinds need it, so that `kubectl` and client-go talk to a laptop as to a cluster."""
