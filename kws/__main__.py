"""`python -m kws` is the command `kws`."""

import sys

from .cli import main

sys.exit(main())
