"""The desired state as the reconciler publishes it and the webhook reads it."""
