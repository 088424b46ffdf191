"""Observe Git: a repository, a revision and a path become declared objects with their file:line."""
