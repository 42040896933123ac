"""`python -m kgan`."""

import sys

from kgan_command import main

sys.exit(main())
