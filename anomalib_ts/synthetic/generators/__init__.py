"""Generators of rows: a conditional WGAN-GP, and the references that any other is held beside."""
