"""USAD: two autoencoders with one encoder, trained against each other."""
