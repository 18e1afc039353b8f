"""Trainers of libraries: arguments, and the defaults of the release."""
