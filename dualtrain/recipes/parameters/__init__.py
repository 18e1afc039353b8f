"""What is trained, and how: optimizer, decay, groups, freezing."""
