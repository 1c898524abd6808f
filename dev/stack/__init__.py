"""Real parts on one machine: PostgreSQL, the Oracle stand-in and Airflow, as processes that end with ours."""
