"""The vocabulary: the GitSync resource, names on the wire, and what an object is."""
