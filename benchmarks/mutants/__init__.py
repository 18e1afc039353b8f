"""Faults planted one at a time in a copy of the sources, and which test finds each."""
