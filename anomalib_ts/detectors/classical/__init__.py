"""Detectors without a network, a file each."""
