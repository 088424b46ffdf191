"""The loop in the cluster: observe, diff, act, again."""
