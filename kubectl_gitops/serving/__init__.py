"""Small HTTP servers beside what a process is there for: probes, metrics, hooks."""
