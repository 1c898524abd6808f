"""The demo: the whole job on this machine, from an Oracle stand-in by a real Airflow into a real PostgreSQL."""
