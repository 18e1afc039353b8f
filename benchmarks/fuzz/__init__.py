"""Fuzzers: damaged specs, data, traces, weights, models and runs, and what answers are right.

A mutant is a copy of a folder that stands, with one or two things changed: bytes, values, files. It
follows from its kind, a seed and its number alone. What dualtrain may say of it is written down
without dualtrain: with the standard library, PyYAML, safetensors and transformers.
"""
