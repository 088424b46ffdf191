"""What can be told of declared objects without a cluster. Pure."""
