"""A machine is brought to a stage, and it is seen that it is there: converge, checks, reset, and faults on purpose."""
