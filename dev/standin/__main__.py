"""Run the Oracle stand-in: ``python -m dev.standin``."""

import sys

from dev.standin.command import main

if __name__ == "__main__":
    sys.exit(main())
