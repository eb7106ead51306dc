"""Pictures of scored cases: one series with its anomalies, or the most telling of many clips."""

from anomalib_ts.views.case.unit import plot_unit

__all__ = ["plot_unit"]
