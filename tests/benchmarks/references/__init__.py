"""The best-known references as targets beside the course: our own configuration with the values that they teach."""
