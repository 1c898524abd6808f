"""Run the benchmarks: ``python -m dev.benchmarks [NAME ...]``, all of them without a name, each in its own process."""

from __future__ import annotations

import argparse
import subprocess
import sys

NAMES = ("oracle_standin", "billing_data", "branch_month")


def main() -> int:
    """Run what is asked for, and return 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m dev.benchmarks", description="Measure.")
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], default=[], metavar="NAME", help=", ".join(NAMES))
    status = 0
    for name in parser.parse_args().names or NAMES:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"dev.benchmarks.{name}"], check=False).returncode:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
