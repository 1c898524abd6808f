"""The pictures of the operator's guide: a real Airflow, failures provoked on purpose, a browser that looks at them."""
