"""What deep detectors share: their base, bags and batches of windows, parts of networks."""
