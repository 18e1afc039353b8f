"""How much of real recipes the reader gets right, field by field."""
