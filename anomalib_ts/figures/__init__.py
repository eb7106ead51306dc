"""Figures of a study: the records of one command as a picture, a table and a CSV file."""

from anomalib_ts.figures.base import StudyFigure, Written, planned_figure, write_figure
from anomalib_ts.results.terminal import tables

__all__ = ["StudyFigure", "Written", "planned_figure", "tables", "write_figure"]
