"""FastFlow-1D: a normalising flow over the features of a convolutional autoencoder."""
