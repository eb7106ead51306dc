"""Anomaly detection for time series and machine sounds."""
