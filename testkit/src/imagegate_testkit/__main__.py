"""`python -m imagegate_testkit`."""

import sys

from .cli import main

sys.exit(main())
