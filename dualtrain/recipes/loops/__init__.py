"""The loop that a recipe writes out: batches, length, precision, clipping, and its order."""
