"""``python -m include.bigmeter``: the sync without a scheduler."""

import sys

from include.bigmeter.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
