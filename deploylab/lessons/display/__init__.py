"""What a cell shows: tables, sentences and plots of what a command returned."""
