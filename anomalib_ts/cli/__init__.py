"""The command `anomalib-ts`. Importing it costs nothing: commands import what they need."""
