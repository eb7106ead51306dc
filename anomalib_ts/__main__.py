"""`python -m anomalib_ts` is the command `anomalib-ts`."""

import sys

from anomalib_ts.cli.main import main

sys.exit(main())
