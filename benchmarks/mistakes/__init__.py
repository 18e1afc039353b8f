"""Typical mistakes of a port, each made on one side of a pair that agrees without it."""
