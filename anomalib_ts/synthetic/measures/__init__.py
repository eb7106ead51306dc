"""Measures of how well generated rows stand for real ones."""
