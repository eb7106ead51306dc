"""Two detectors and two data sets for anomalib-ts, as small as they can be."""
