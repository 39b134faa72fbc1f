"""The dashboard and the alerts are whole, and each asks for what `clickstream serve metrics` tells."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from pipelines.operations import openmetrics
from pipelines.operations.openmetrics import Family
from tests.support.pages import ROOT

FOLDER = ROOT / "conf" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana_dashboard.json").read_text(encoding="utf-8"))
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
LABELS = {"stream", "unit", "event", "table", "folder", "error", "hint"}


def told():
    """The names of all samples that there may be, from the code."""
    source = (ROOT / "pipelines" / "operations" / "openmetrics.py").read_text(encoding="utf-8")
    made = re.findall(r'Family\("(\w+)", "(\w+)",', source)
    assert len(made) > 20
    for name, kind in made:
        [line] = [line for line in Family(name, kind, "", [({}, 1)]).lines() if not line.startswith("#")]
        yield line.split()[0]


EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
EXPRESSIONS += [rule["expr"] for rule in RULES]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_query_names_what_is_told(expression):
    named = set(re.findall(rf"\b{openmetrics.PREFIX}\w+", expression))
    assert named
    assert named <= set(told())
    assert expression.count("(") == expression.count(")")
    assert set(re.findall(r"[{,](\w+)(?==)", expression)) <= {*LABELS, "job"}


def test_every_panel_has_its_place_and_its_title():
    cells = []
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert panel["title"]
        assert at["x"] + at["w"] <= 24
        cells += [(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])]
        assert set(re.findall(r"{{(\w+)}}", panel["targets"][0]["legendFormat"])) <= LABELS
    assert len(cells) == len(set(cells)), "two panels lie upon each other"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert {"schemaVersion", "uid", "templating", "time"} <= DASHBOARD.keys()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_says_what_is_wrong_and_what_to_do(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "warn"}
    assert all(rule["annotations"][part].endswith(".") for part in ("summary", "description"))
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    used = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert used <= LABELS


def test_prometheus_reads_the_port_and_the_rules_that_there_are():
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    assert [(FOLDER / name).exists() for name in config["rule_files"]] == [True]
    [scrape] = config["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["127.0.0.1:8766"]}]
    serve = (ROOT / "pipelines" / "cli" / "serve.py").read_text(encoding="utf-8")
    assert "] = 8766" in serve
