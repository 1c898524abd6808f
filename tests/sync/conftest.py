"""The source and the store that these tests load from and into."""

from tests.command_line import command
from tests.loading import billing, billing_server, loading, open_loading, own_billing, own_loading

__all__ = ["billing", "billing_server", "command", "loading", "open_loading", "own_billing", "own_loading"]
