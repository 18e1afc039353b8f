"""The proof that a change of the code changed no number: the same runs in two versions of it."""
