"""Our own objects in a cluster: put there, waited for, looked after, removed."""
