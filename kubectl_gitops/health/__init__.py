"""Health, purely: what an object's status says of how it does. No I/O, and nothing of ours but api/ and diff/."""
