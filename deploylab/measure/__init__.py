"""Load tests against stages: rounds, pairs, a sweep, a load with an action in the middle; and all of `./lab run`."""
