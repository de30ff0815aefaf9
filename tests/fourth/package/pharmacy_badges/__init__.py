"""A badge for each pharmacy of grade B or better, to be shown on its own site."""
