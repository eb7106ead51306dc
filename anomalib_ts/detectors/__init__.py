"""Detectors and the contract they fulfil."""
