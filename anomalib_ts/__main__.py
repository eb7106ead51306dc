"""`python -m anomalib_ts` is the command `anomalib-ts`."""

import sys

from anomalib_ts.cli.main import main

if __name__ == "__main__":  # whoever imports this, by a path in a file, runs nothing
    sys.exit(main())
