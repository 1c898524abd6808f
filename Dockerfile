# syntax=docker/dockerfile:1

# One image for every Airflow component, the command line and the ledger's exporter.
#
# From python:slim and not from apache/airflow: that image carries some thirty providers at the versions of its own
# lock, and installing ours over them gives a mixture that nobody has tested. Here the packages are those of
# constraints.txt and nothing else, the same as in the environment that the tests run in, on a third of the space.
#
# Targets: thin (the driver alone: Oracle 12.1 and later), thick (with Oracle's client, see docker/oracle-client/),
# billing-data (writes the generated data for the profile oracle).

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements.txt constraints.txt /tmp/
# Wheels only: a package that had to be compiled would need a compiler here and differ from what was tested.
RUN /opt/venv/bin/pip install --only-binary :all: --requirement /tmp/requirements.txt --constraint /tmp/constraints.txt

FROM ${PYTHON_IMAGE} AS thin
RUN groupadd --gid 50000 airflow \
    && useradd --uid 50000 --gid airflow --home-dir /opt/airflow --shell /usr/sbin/nologin airflow \
    # A named volume takes its owner from the directory that it is first mounted on.
    && install --directory --owner airflow --group airflow /opt/airflow /opt/airflow/logs /opt/airflow/bundles /export \
    && install --directory /opt/airflow/bigmeter
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/opt/airflow/bigmeter \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__AUTH_MANAGER=airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/bigmeter/dags \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/bigmeter/plugins \
    AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST='[{"name": "bigmeter", "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": "/opt/airflow/bigmeter", "refresh_interval": 60}}]' \
    AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH=/opt/airflow/bundles \
    AIRFLOW__METRICS__LEGACY_NAMES_ON=False \
    AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED=True \
    AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK=True \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False
# Everything that the tree of a deployment needs, owned by root: what runs cannot change what runs.
COPY .airflowignore /opt/airflow/bigmeter/
COPY docker /opt/airflow/bigmeter/docker
COPY migrations /opt/airflow/bigmeter/migrations
COPY plugins /opt/airflow/bigmeter/plugins
COPY sqls /opt/airflow/bigmeter/sqls
COPY include /opt/airflow/bigmeter/include
COPY dags /opt/airflow/bigmeter/dags
WORKDIR /opt/airflow/bigmeter
USER airflow
CMD ["python", "-m", "include.bigmeter", "--help"]

# Network encryption, password verifiers from before 12c, servers before 12.1. Off unless ORACLE_CLIENT=thick.
FROM thin AS thick
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libaio1 unzip \
    && rm -rf /var/lib/apt/lists/*
COPY docker/oracle-client /tmp/oracle-client
RUN if ! ls /tmp/oracle-client/instantclient-basic*.zip > /dev/null 2>&1; then \
        echo "ORACLE_CLIENT=thick: put instantclient-basic-linux*.zip into docker/oracle-client/ first" >&2; exit 1; \
    fi \
    && for archive in /tmp/oracle-client/instantclient-*.zip; do unzip -q -o "$archive" -d /opt/oracle; done \
    && ls -d /opt/oracle/instantclient_* > /etc/ld.so.conf.d/oracle-instantclient.conf \
    && ldconfig \
    && rm -rf /tmp/oracle-client
# docker/prepare_airflow.py then stores the Oracle connection with thick_mode.
ENV ORACLE_THICK_MODE=True
USER airflow

# The generator of the demonstration's billing data. Not part of what runs in production.
FROM thin AS billing-data
USER root
COPY constraints.txt /tmp/
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
    --constraint /tmp/constraints.txt cryptography duckdb numpy pyarrow sqlglot
COPY dev /opt/airflow/bigmeter/dev
USER airflow
CMD ["sh", "docker/oracle/export.sh"]
