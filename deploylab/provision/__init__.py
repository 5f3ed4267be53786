"""A machine is brought to a stage and checked: converge, the checks, reset, and faults on purpose."""
