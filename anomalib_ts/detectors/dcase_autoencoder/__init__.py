"""The autoencoder of the DCASE 2020 Task 2 baseline."""
