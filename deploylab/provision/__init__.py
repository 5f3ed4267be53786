"""Brings a machine to a stage and checks it: converge, the checks, reset, and faults on purpose."""
