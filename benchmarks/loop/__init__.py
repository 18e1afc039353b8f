"""What the loop costs beside a hand-written one, in both frameworks."""
