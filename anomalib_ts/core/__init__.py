"""What everything else is made of: recordings, windows, runs, names, files, streams."""
