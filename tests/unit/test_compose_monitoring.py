"""Prometheus, its rules, the dashboard and the StatsD mapping: they parse, and they speak of metrics that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from tests.compose_files import ROOT, resolved

MONITORING = ROOT / "docker" / "monitoring"
RULES = yaml.safe_load((MONITORING / "prometheus" / "rules" / "bigmeter.yml").read_text(encoding="utf-8"))
RULES_TEST = yaml.safe_load((MONITORING / "prometheus" / "rules_test.yml").read_text(encoding="utf-8"))
DASHBOARD_TEST = yaml.safe_load((MONITORING / "grafana" / "dashboard_test.yml").read_text(encoding="utf-8"))
PROMETHEUS = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
MAPPING = yaml.safe_load((MONITORING / "statsd_mapping.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((MONITORING / "grafana" / "dashboards" / "bigmeter.json").read_text(encoding="utf-8"))
GUIDE = (ROOT / "docs" / "operators-guide.md").read_text(encoding="utf-8")
# What the exporter accepts as a glob: whole components, each a name or one star.
_GLOB = re.compile(r"(\*|[a-zA-Z_][a-zA-Z0-9_\-]*)(\.(\*|[a-zA-Z_][a-zA-Z0-9_\-]*))*")
# What Grafana fills in before Prometheus sees a query, as dashboard_test.yml has it; the longer name first.
_FILLED_IN = {"$__rate_interval": "4m", "$__interval": "10m", "$branch": ".*", "$kind": ".*"}
# The tags that Airflow and tasks/metrics.py send, which become labels; tests/dags/test_metrics.py sees them leave.
_TAGS = {
    "airflow.ti.finish": {"dag_id", "task_id", "state"},
    "airflow.bigmeter.rows": {"kind", "branch", "outcome"},
    "airflow.bigmeter.failures": {"kind", "branch", "category"},
}
_OF_EACH_SCRAPE = {"job", "instance"}


def _alerts() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def _targets() -> list[tuple[dict[str, Any], dict[str, Any], str]]:
    """Return panel, target and query, as Prometheus gets it, of every query of the dashboard."""
    found = []
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for name, value in _FILLED_IN.items():
                query = query.replace(name, value)
            found.append((panel, target, query))
    return found


def _nodes(query: str) -> list[Any]:
    nodes: list[Any] = []
    promql_parser.walk(promql_parser.parse(query), nodes.append)
    return nodes


def _metrics_of(query: str) -> set[str]:
    """Return the names that a query selects."""
    return {node.name or "" for node in _nodes(query) if isinstance(node, promql_parser.VectorSelector)}


def _labels_in(query: str) -> Iterator[str]:
    """Yield the labels by which a query selects, groups and matches."""
    for node in _nodes(query):
        if isinstance(node, promql_parser.VectorSelector):
            yield from (matcher.name for matcher in node.matchers.matchers)
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            yield from node.modifier.labels
        elif isinstance(node, promql_parser.BinaryExpr) and node.modifier and node.modifier.matching:
            yield from node.modifier.matching.labels


def _exported() -> dict[str, set[str]]:
    """Return the labels of every metric: of the ledger's exporter by its manual, of StatsD by the mapping.

    tests/db/test_ledger_exporter.py holds the manual to what is exported.
    """
    manual = (ROOT / "docker" / "ledger_exporter.py").read_text(encoding="utf-8").split('"""')[1]
    exported = {
        name: {label for label in labels.split(",") if label}
        for name, labels in re.findall(r"^``(bigmeter_\w+)(?:\{(.+?)\})?``", manual, re.MULTILINE)
    }
    for mapping in MAPPING["mappings"]:
        is_of_loads = mapping["match"].startswith("airflow.bigmeter.")
        labels = _TAGS.get(mapping["match"], {"kind", "branch"} if is_of_loads else set())
        if "match_metric_type" in mapping:
            exported[mapping["name"]] = labels
        else:
            exported[f"{mapping['name']}_bucket"] = labels | {"le"}
            exported |= dict.fromkeys((f"{mapping['name']}_sum", f"{mapping['name']}_count"), labels)
    exported["up"] = set()
    return {name: labels | _OF_EACH_SCRAPE for name, labels in exported.items()}


def _assert_that_it_can_be_answered(query: str, shown: Iterable[str] = ()) -> None:
    exported = _exported()
    names = _metrics_of(query)
    assert names, query
    assert names <= exported.keys(), query
    known = set.union(*(exported[name] for name in names))
    assert {*_labels_in(query), *shown} <= known, query
    for node in _nodes(query):
        if isinstance(node, promql_parser.VectorSelector):
            assert {matcher.name for matcher in node.matchers.matchers} <= exported[node.name or ""], query


def test_every_query_of_the_dashboard_asks_for_metrics_and_labels_that_exist() -> None:
    assert len(_targets()) > 25
    for _, target, query in _targets():
        assert "$" not in query
        shown = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
        _assert_that_it_can_be_answered(query, shown)
        outermost = promql_parser.parse(query)
        if isinstance(outermost, promql_parser.AggregateExpr):
            assert set(shown) <= set(outermost.modifier.labels if outermost.modifier else ()), query


@pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])
def test_every_rule_asks_for_metrics_and_labels_that_exist(alert: dict[str, Any]) -> None:
    words = " ".join(alert["annotations"].values())
    _assert_that_it_can_be_answered(alert["expr"], re.findall(r"\$labels\.(\w+)", words))


def test_the_choices_of_the_dashboard_come_from_metrics_and_labels_that_exist() -> None:
    variables = {variable["name"]: variable["query"]["query"] for variable in DASHBOARD["templating"]["list"]}
    assert [variable["definition"] for variable in DASHBOARD["templating"]["list"]] == [*variables.values()]
    assert variables.keys() == {name[1:] for name in _FILLED_IN if "__" not in name}
    for query in variables.values():
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()  # type: ignore[union-attr]
        assert label in _exported()[metric]


def test_every_job_that_is_asked_for_is_scraped() -> None:
    queries = [query for _, _, query in _targets()] + [alert["expr"] for alert in _alerts()]
    jobs = {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    asked = {
        matcher.value
        for query in queries
        for node in _nodes(query)
        if isinstance(node, promql_parser.VectorSelector)
        for matcher in node.matchers.matchers
        if matcher.name == "job"
    }
    assert asked
    assert asked <= jobs


def test_a_panel_of_one_figure_shows_the_present_and_is_green_only_by_a_figure() -> None:
    stats = [panel for panel in DASHBOARD["panels"] if panel["type"] == "stat"]
    assert len(stats) == 6
    for panel in stats:
        (target,) = panel["targets"]
        assert target["instant"], panel["title"]
        assert not target["range"], panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["noValue"]
        if panel["options"]["colorMode"] == "none":
            continue
        # Grafana paints a panel without a figure in the colour of the first step, the one without a value.
        first, *others = defaults["thresholds"]["steps"]
        assert first == {"color": "red", "value": None}, panel["title"]
        assert all(step["value"] is not None for step in others)


def test_every_query_of_the_dashboard_is_run_by_promtool_and_finds_something() -> None:
    tried: dict[str, list[Any]] = {}
    for case in DASHBOARD_TEST["tests"]:
        for trial in case["promql_expr_test"]:
            tried.setdefault(trial["expr"], []).append(trial["exp_samples"])
    assert tried.keys() == {query for _, _, query in _targets()}
    for query, results in tried.items():
        assert any(results), query
    for panel, _, query in _targets():
        if panel["type"] == "stat" and _metrics_of(query) != {"up"}:
            assert [] in tried[query], f"{panel['title']}: without the ledger it finds nothing"


def test_an_interval_of_the_panel_is_no_window_to_extrapolate_over() -> None:
    for panel, target, _ in _targets():
        rates = re.findall(r"\b(?:rate|increase|irate|delta)\([^)]*\[(\S+)\]", target["expr"])
        assert set(rates) <= {"$__rate_interval"}, panel["title"]
        # Two scrapes of the ledger at least, or the difference of two windows has nothing to subtract.
        if "$__interval" in target["expr"]:
            assert target["interval"] == "2m"


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
        # What is sent all the time and is no longer sent says nothing about now.
        is_of_an_event = mapping["match"].startswith(("airflow.bigmeter.", "airflow.ti."))
        assert ("ttl" in mapping) != is_of_an_event, mapping


def test_the_ledger_watches_without_airflow() -> None:
    (ledger,) = [group for group in RULES["groups"] if group["name"] == "ledger"]
    for rule in ledger["rules"]:
        assert not {name for name in _metrics_of(rule["expr"]) if name.startswith(("airflow", "bigmeter_load"))}, rule[
            "alert"
        ]
    assert {"BigmeterMonthOverdue", "BigmeterCohortOverdue", "BigmeterLedgerUnwatched"} <= {
        rule["alert"] for rule in ledger["rules"]
    }


@pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"].endswith(".")
    assert re.fullmatch(r"\d+[mh]", alert["for"])


@pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])
def test_promtool_sees_each_alert_fire_stay_silent_and_without_its_series(alert: dict[str, Any]) -> None:
    assert RULES_TEST["rule_files"] == ["rules/bigmeter.yml"]
    outcomes: list[list[Any]] = []
    without_series = 0
    for case in RULES_TEST["tests"]:
        trials = [trial for trial in case["alert_rule_test"] if trial["alertname"] == alert["alert"]]
        outcomes += [trial["exp_alerts"] for trial in trials]
        given = {name for series in case["input_series"] for name in _metrics_of(series["series"])}
        without_series += bool(trials) and not given & _metrics_of(alert["expr"])
    assert any(outcomes)
    assert [] in outcomes
    assert without_series


def test_continuous_integration_runs_promtool_on_every_file_for_it() -> None:
    (target,) = re.findall(
        r"^test-alerts:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    for path in MONITORING.rglob("*_test.yml"):
        assert str(path.relative_to(MONITORING)) in target
    assert "promtool check config prometheus/prometheus.yml" in target
    assert "make test-alerts || status=1\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_operators_guide_has_a_row_for_each_alert_and_no_other() -> None:
    section = GUIDE.split("\n## Prometheus alerts\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| \*\*(\w+)\*\* \| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert [name for name, _, _ in rows] == [alert["alert"] for alert in _alerts()]
    for name, meaning, action in rows:
        assert len(meaning) > 20, name
        assert len(action) > 20, name


def test_prometheus_scrapes_services_that_listen_there(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.compose_files import new_env

    services = resolved(new_env(tmp_path_factory.mktemp("env") / ".env"), profiles=["monitoring"])
    jobs = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in PROMETHEUS["scrape_configs"]}
    assert jobs == {"ledger": "ledger-exporter:9399", "airflow": "statsd-exporter:9102", "prometheus": "localhost:9090"}
    assert "9399" in services["ledger-exporter"]["command"]
    assert "--statsd.listen-udp=:9125" in services["statsd-exporter"]["command"]
    assert PROMETHEUS["rule_files"] == ["rules/*.yml"]
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
