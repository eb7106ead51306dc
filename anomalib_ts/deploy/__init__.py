"""From a benchmark to a plant: fit once, keep one file, score every day, raise alarms."""
