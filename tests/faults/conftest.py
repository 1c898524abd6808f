"""The source and the store that these tests load from and into."""

from tests.dags.airflow_home import use_throw_away_home
from tests.loading import billing, billing_server, loading, open_loading

__all__ = ["billing", "billing_server", "loading", "open_loading"]

use_throw_away_home()  # each failure is shown to Airflow's retry policy
