"""What goes out to others: slides, the site to read, and one file for a room without a network."""
