"""The Airflow edge: what the DAG files wire together, and the only package besides them that knows Airflow."""
