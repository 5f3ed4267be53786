"""What is made for others: slides, the website, and a bundle for a room without a network."""
