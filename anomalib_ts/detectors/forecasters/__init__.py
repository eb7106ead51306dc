"""Forecasters: score by how far a point lies from what the past lets expect."""
