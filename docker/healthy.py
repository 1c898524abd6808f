"""Exit with status 0 if a component is well: what Docker's health checks run.

    python docker/healthy.py api-server | scheduler | dag-processor | ledger-exporter

The DAG processor has no port; its heartbeat is asked of the API server, which costs a request where Airflow's own
``jobs check`` would start a whole Airflow every time.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 8
_API = "/api/v2/monitor/health"


class Unwell(Exception):
    """The component does not answer as it should; the message says how."""


def check(component: str, environment: Mapping[str, str]) -> None:
    """Ask a component how it is.

    :param environment: ``HEALTH_API_URL``, ``HEALTH_SCHEDULER_URL`` and ``HEALTH_EXPORTER_URL`` replace the addresses
        that hold inside the containers.
    :raises Unwell: if it is not well.
    """
    checks: dict[str, Callable[[], None]] = {
        "api-server": lambda: _require(_api(environment, "http://localhost:8080"), "metadatabase"),
        "scheduler": lambda: _answers(environment.get("HEALTH_SCHEDULER_URL", "http://localhost:8974"), "/health"),
        "dag-processor": lambda: _require(_api(environment, "http://api-server:8080"), "dag_processor"),
        "ledger-exporter": lambda: _answers(
            environment.get("HEALTH_EXPORTER_URL", "http://localhost:9399"), "/healthy"
        ),
    }
    if component not in checks:
        raise Unwell(f"{component!r}: one of {', '.join(checks)}")
    checks[component]()


def _api(environment: Mapping[str, str], default: str) -> dict[str, Any]:
    answer: Any = json.loads(_fetch(environment.get("HEALTH_API_URL", default), _API))
    return answer if isinstance(answer, dict) else {}


def _answers(url: str, path: str) -> None:
    _fetch(url, path)


def _fetch(url: str, path: str) -> bytes:
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise Unwell(f"{url}{path}: status {response.status}")
        return response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unwell(f"{url}{path}: {type(error).__name__}") from None
    finally:
        connection.close()


def _require(answer: Mapping[str, Any], component: str) -> None:
    status = (answer.get(component) or {}).get("status")
    if status != "healthy":
        raise Unwell(f"{component}: {status}")


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Check one component; return 0, or 1 after saying on standard error what is wrong."""
    try:
        check(" ".join(arguments), environment)
    except (Unwell, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
