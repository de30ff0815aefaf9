"""Insight: figures for those who lead, inspect and set the rules; reads everything, writes nothing."""
