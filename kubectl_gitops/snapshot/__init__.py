"""The desired state as the reconciler publishes it and the webhook reads it; on a person's machine, a cache of it."""
