"""What the whole package uses: errors, paths, units, progress, files that survive a crash, Ctrl-C."""
