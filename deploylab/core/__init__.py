"""What every room stands on: errors, paths, units, progress, files that survive a crash, Ctrl-C."""
