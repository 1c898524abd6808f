#!/bin/sh
# Everything that must be true before a component starts; each step may run again. The first that fails ends the start.
set -eu
python docker/check_executor.py init
python docker/prepare_postgres.py
airflow db migrate
python -m include.bigmeter migrate
python docker/prepare_airflow.py
