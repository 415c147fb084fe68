"""Where the controller's resources can be read, in the paths of the Kubernetes API."""
