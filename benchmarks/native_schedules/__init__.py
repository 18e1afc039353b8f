"""Calls of every native schedule, and each run beside the plan that the table says is the same."""
