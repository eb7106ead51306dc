"""Deep SAD: Deep SVDD that pushes labelled anomalies away from the centre."""
