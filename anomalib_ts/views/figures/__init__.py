"""Figures of a study: the records of one command as a picture, a table and a CSV file."""

from anomalib_ts.results.terminal import tables
from anomalib_ts.views.figures.base import StudyFigure, Written, planned_figure, write_figure

__all__ = ["StudyFigure", "Written", "planned_figure", "tables", "write_figure"]
