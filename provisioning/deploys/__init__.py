"""One deploy for each stage, found by its name; the other modules are shared by several stages."""
