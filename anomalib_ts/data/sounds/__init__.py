"""Machine sounds: the layouts of DCASE, and generated machines."""
