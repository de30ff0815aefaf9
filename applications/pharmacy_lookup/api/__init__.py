"""The public API: the same search as the page's, one pharmacy, and its history of grades."""
