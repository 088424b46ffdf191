"""Keep a Kubernetes cluster as Git says: observe, diff, act."""

__version__ = "0.1.0"
