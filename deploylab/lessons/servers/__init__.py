"""The small servers of lesson 01, raced on this computer: each in a process of its own, with its visitors."""
