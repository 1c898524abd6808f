"""What the tests of the store and of the command line on it share."""

from tests.command_line import command

__all__ = ["command"]
