"""What detectors that score blocks share: cutting, batches, networks, training and scoring."""
