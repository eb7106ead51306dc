"""A fully connected autoencoder of windows: score by reconstruction error."""
