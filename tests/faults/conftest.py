"""The source and the store that these tests load from and into."""

from tests.loading import billing, billing_server, loading, open_loading

__all__ = ["billing", "billing_server", "loading", "open_loading"]
