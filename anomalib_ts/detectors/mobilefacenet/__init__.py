"""MobileFaceNet: a small convolutional network that tells machines apart."""
