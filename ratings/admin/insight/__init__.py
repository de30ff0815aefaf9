"""Pages of figures (洞察): each a form, charts, and under every chart the table with the same numbers."""
