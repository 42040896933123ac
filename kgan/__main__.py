"""`python -m kgan`."""

import sys

from kgan.cli import main

sys.exit(main())
