"""Side by side with kubectl, in the same run, on the same control plane: `make bench`."""
