"""Act: plan, order, apply and prune. One engine for the command line and the reconciler."""
