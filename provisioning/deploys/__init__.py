"""One deploy a stage, found by its name; the other modules are what several stages share."""
