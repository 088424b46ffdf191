"""Drift reports and plans, for people (table, wide, diff, markdown, html) and for programs (json, yaml, ...)."""
