"""Drift reports and plans as table, json, yaml and unified diff."""
