"""Residents find the designated pharmacies near them, each with its published credit grade."""
