"""The weakly supervised autoencoder: a few labelled anomalies sharpen a reconstruction error."""
