"""Rates: the schedule that a recipe builds, how it is driven, and how long it is."""
