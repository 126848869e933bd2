"""The metrics: their page, the dashboard and the alerts, held against what is exposed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bus.metrics import Metrics
from tests.bus.readings import CLUSTER, DOOR, FLEET, families
from tests.docs.pages import ROOT, sections

EXAMPLES = ROOT / "docs" / "examples"
USERS = [
    EXAMPLES / "grafana" / "pblm.json",
    EXAMPLES / "prometheus" / "alerts.yml",
    ROOT / "docs" / "howto" / "monitor-with-prometheus.md",
    ROOT / "docs" / "reference" / "metrics.md",
]
LABELS = {"le", "job", "instance"}
"""Labels that are not ours."""


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.read_fleet(lambda: FLEET, per_instance=True)
    metrics.read_door(lambda: DOOR, per_instance=True)
    metrics.read_cluster(lambda: CLUSTER)
    metrics.expect_http([("GET", "/api/fleet")], (200,))
    return metrics


@pytest.fixture(scope="module")
def labels(metrics: Metrics) -> dict[str, set[str]]:
    """Return the labels of every sample by its name."""
    found: dict[str, set[str]] = {}
    for family in families(metrics):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_is_in_the_reference(metrics: Metrics) -> None:
    """Each is on its page with type, labels and help text, and no other is."""
    exposed = set()
    for family in families(metrics):
        own = {label for sample in family.samples for label in sample.labels} - LABELS
        name = f"{family.name}_total" if family.type == "counter" else family.name
        exposed.add((name, family.type, frozenset(own), family.documentation))
    on_page = {
        (name, kind, frozenset(re.findall(r"`?(\w+)`?", labels)) - {"none"}, what)
        for title in ("Of the manager", "Of each instance")
        for name, kind, labels, what in sections("metrics")[title].rows()
    }
    assert on_page == {each for each in exposed if each[0].startswith("pblm_")}


@pytest.mark.parametrize("path", USERS, ids=lambda path: path.name)
def test_every_metric_that_is_used_is_exposed(path: Path, labels: dict[str, set[str]]) -> None:
    """No panel, alert or page asks for what is not there."""
    families_too = {re.sub(r"_(bucket|count|sum)$", "", name) for name in labels}
    used = set(re.findall(r"\b(?:pblm|process)_[a-z_]+\b", path.read_text(encoding="utf-8")))
    assert used
    assert used <= labels.keys() | families_too


@pytest.mark.parametrize("path", USERS[:2], ids=lambda path: path.name)
def test_every_label_that_is_used_is_there(path: Path, labels: dict[str, set[str]]) -> None:
    """A selector names labels that its metric has, so that it can match at all."""
    text = path.read_text(encoding="utf-8").replace('\\"', '"')
    selectors = re.findall(r"\b(pblm_[a-z_]+)\{([^}]*)\}", text)
    assert selectors
    for name, selector in selectors:
        named = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector)) - LABELS
        assert named <= labels[name], f"{name}{{{selector}}}"


def test_the_dashboard_is_complete() -> None:
    """Every panel has a place, a title and something to show, and none hides another."""
    board: dict[str, Any] = json.loads(USERS[0].read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert taken.isdisjoint(cells), panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_every_alert_says_what_it_is_and_what_to_do() -> None:
    """An alert that nobody can act upon is noise."""
    rules = USERS[1].read_text(encoding="utf-8").split("- alert: ")[1:]
    assert len(rules) > 5
    for rule in rules:
        for word in ("expr:", "severity:", "summary:", "what_to_do:"):
            assert word in rule, rule.partition("\n")[0]
