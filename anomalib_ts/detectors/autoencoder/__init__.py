"""The convolutional autoencoder: score by reconstruction error."""
