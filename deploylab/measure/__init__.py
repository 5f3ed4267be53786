"""Load tests against stages: rounds, pairs, a sweep, a load with an act in its middle; and all of `./lab run`."""
