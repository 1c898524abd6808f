"""Prometheus, its rules, the dashboard and the StatsD mapping: they parse, and they speak of metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from tests.compose_files import ROOT, resolved

MONITORING = ROOT / "docker" / "monitoring"
RULES = yaml.safe_load((MONITORING / "prometheus" / "rules" / "bigmeter.yml").read_text(encoding="utf-8"))
MAPPING = yaml.safe_load((MONITORING / "statsd_mapping.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((MONITORING / "grafana" / "dashboards" / "bigmeter.json").read_text(encoding="utf-8"))
# What the exporter accepts as a glob: whole components, each a name or one star.
_GLOB = re.compile(r"(\*|[a-zA-Z_][a-zA-Z0-9_\-]*)(\.(\*|[a-zA-Z_][a-zA-Z0-9_\-]*))*")
_OF_PROMETHEUS = {"up"}


def _alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def _queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            # Grafana fills these in before Prometheus sees the query.
            yield target["expr"].replace("$__interval", "5m").replace("$branch", ".*").replace("$kind", ".*")
    for alert in _alerts():
        yield alert["expr"]


def _metrics_of(node: Any) -> Iterator[str]:
    """Yield the names that a parsed query selects."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name or ""
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector.name or ""
    elif isinstance(node, promql_parser.AggregateExpr | promql_parser.ParenExpr | promql_parser.UnaryExpr):
        yield from _metrics_of(node.expr)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _metrics_of(node.lhs)
        yield from _metrics_of(node.rhs)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _metrics_of(argument)


def _exported() -> set[str]:
    """Return every metric that a query may use: of the ledger's exporter by its manual, of StatsD by the mapping."""
    manual = (ROOT / "docker" / "ledger_exporter.py").read_text(encoding="utf-8").split('"""')[1]
    ledger = set(re.findall(r"``(bigmeter_\w+)", manual))
    assert len(ledger) == 13
    mapped: set[str] = set()
    for mapping in MAPPING["mappings"]:
        name = mapping["name"]
        is_timing = "match_metric_type" not in mapping
        mapped |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if is_timing else {name}
    return ledger | mapped | _OF_PROMETHEUS


def test_every_query_of_rules_and_dashboard_parses_and_asks_for_metrics_that_exist() -> None:
    queries = list(_queries())
    assert len(queries) > 25
    exported = _exported()
    for query in queries:
        names = set(_metrics_of(promql_parser.parse(query)))
        assert names, query
        assert names <= exported, query


def test_every_mapping_is_one_that_the_exporter_accepts() -> None:
    names = [mapping["name"] for mapping in MAPPING["mappings"]]
    assert len(set(names)) == len(names)
    for mapping in MAPPING["mappings"]:
        assert _GLOB.fullmatch(mapping["match"]), mapping
        assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", mapping["name"]), mapping
        kind = mapping.get("match_metric_type", "observer")
        assert kind in {"counter", "gauge", "observer"}
        assert mapping["name"].endswith("_total") == (kind == "counter"), mapping
        assert mapping["help"].endswith("."), mapping


def test_the_ledger_watches_without_airflow() -> None:
    (ledger,) = [group for group in RULES["groups"] if group["name"] == "ledger"]
    for rule in ledger["rules"]:
        names = set(_metrics_of(promql_parser.parse(rule["expr"])))
        assert not {name for name in names if name.startswith(("airflow", "bigmeter_load"))}, rule["alert"]
    assert {"BigmeterMonthOverdue", "BigmeterCohortOverdue", "BigmeterLedgerUnwatched"} <= {
        rule["alert"] for rule in ledger["rules"]
    }


@pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"].endswith(".")
    assert re.fullmatch(r"\d+[mh]", alert["for"])


def test_the_rules_have_a_test_of_prometheus_own_for_each_critical_one_of_the_ledger() -> None:
    text = (MONITORING / "prometheus" / "rules_test.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["rule_files"] == ["rules/bigmeter.yml"]
    tested = {
        *("BigmeterMonthOverdue", "BigmeterCohortOverdue", "BigmeterLedgerUnwatched", "BigmeterBranchFailing"),
        "AirflowSchedulerSilent",
    }
    assert {name for name in tested if name not in text} == set()


def test_prometheus_scrapes_services_that_listen_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.compose_files import new_env

    services = resolved(new_env(tmp_path_factory.mktemp("env") / ".env"), profiles=["monitoring"])
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in config["scrape_configs"]}
    assert jobs == {"ledger": "ledger-exporter:9399", "airflow": "statsd-exporter:9102", "prometheus": "localhost:9090"}
    assert "9399" in services["ledger-exporter"]["command"]
    assert "--statsd.listen-udp=:9125" in services["statsd-exporter"]["command"]
    assert config["rule_files"] == ["rules/*.yml"]
    mounts = {volume["target"]: volume["source"] for volume in services["prometheus"]["volumes"]}
    assert mounts["/etc/prometheus"] == str(MONITORING / "prometheus")


def test_the_dashboard_is_provisioned_with_its_source() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    used = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "datasource" in panel}
    used |= {variable["datasource"]["uid"] for variable in DASHBOARD["templating"]["list"]}
    assert used == {source["uid"]}
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "bigmeter.yml").read_text())["providers"]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert 0 <= x < 24
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
