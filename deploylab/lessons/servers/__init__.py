"""The small servers of lesson 01, compared on this computer: each runs in its own process, with its own load."""
