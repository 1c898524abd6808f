"""One branch at a time: what is read, judged and written, in which order; no SQL text and no Airflow."""
