"""A conference programme: one small, real Django site."""
