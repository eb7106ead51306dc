"""Jobs and units: a configuration becomes units of work, each run once, guarded and stored.

Names are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anomalib_ts.core.exports import lazily

if TYPE_CHECKING:
    from anomalib_ts.run.job import job_of as job_of
    from anomalib_ts.run.job import run_job as run_job
    from anomalib_ts.run.job import units as units

_HOMES = {
    "job_of": "anomalib_ts.run.job",
    "run_job": "anomalib_ts.run.job",
    "units": "anomalib_ts.run.job",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazily(__name__, _HOMES)
