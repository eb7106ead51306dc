"""Storing results and making tables of them."""
