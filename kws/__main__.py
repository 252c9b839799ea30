"""`python -m kws` is the command `kws`."""

import sys

from .cli.main import main

sys.exit(main())
