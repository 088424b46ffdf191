"""Observe the cluster: transport, discovery, paged LIST, WATCH, server-side apply."""
