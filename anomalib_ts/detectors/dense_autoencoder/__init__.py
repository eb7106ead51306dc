"""The fully connected autoencoder: the weakly supervised autoencoder's first stage on its own."""
