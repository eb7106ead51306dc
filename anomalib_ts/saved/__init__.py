"""Fitted detectors as files that hold data only: what is loaded is read, never run."""
