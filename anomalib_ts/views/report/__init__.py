"""`anomalib-ts report`: one page that shows what a store holds and how far it can be trusted."""

from anomalib_ts.views.report.write import FORMATS, write_report

__all__ = ["FORMATS", "write_report"]
