"""`python -m proxy` is the joinwatch command."""

import sys

from .cli import main

sys.exit(main())
