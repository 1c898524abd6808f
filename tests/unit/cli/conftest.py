"""What the tests of the command line share."""

from tests.command_line import command

__all__ = ["command"]
