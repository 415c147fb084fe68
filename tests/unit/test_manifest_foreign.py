"""What stands beside our resources in a file and is somebody else's: left alone, with a remark."""

from __future__ import annotations

import pytest

from eventing.manifest import combine, read

OURS = "apiVersion: messaging.knative.dev/v1\nkind: Channel\nmetadata: {name: orders}\n"
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker}\nspec: {replicas: 1}\n"


def test_a_deployment_beside_a_channel_is_a_remark_with_its_line_and_no_problem() -> None:
    found = read(f"{OURS}---\n{DEPLOYMENT}", "a.yaml")
    assert [one.resource.KIND for one in found.resources] == ["Channel"]
    assert found.problems == []
    assert list(map(str, found.remarks)) == [
        "a.yaml:5: Deployment default/worker: left alone: a Deployment of apps/v1 is not Kanal's to run"
    ]


@pytest.mark.parametrize(
    ("version", "kind"),
    [("v1", "Pod"), ("serving.knative.dev/v1", "Service"), ("v1", "Namespace"), ("cert-manager.io/v1", "Issuer")],
)
def test_other_groups_are_left_alone(version: str, kind: str) -> None:
    found = read(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n", "a.yaml")
    assert (found.resources, found.problems, len(found.remarks)) == ([], [], 1)


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("messaging.knative.dev/v1", "Chanel"),
        ("eventing.knative.dev/v1alpha1", "EventPolicy"),
        ("sources.knative.dev/v1", "PingSource"),
        ("messaging.knativ.dev/v1", "Channel"),
        ("v2", "ConfigMap"),
    ],
)
def test_a_slip_in_what_is_ours_stays_a_problem(version: str, kind: str) -> None:
    found = read(f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: x}}\n", "a.yaml")
    assert (found.resources, len(found.problems), found.remarks) == ([], 1, [])


@pytest.mark.parametrize("kind", ["[x]", "{a: b}", "3", '""', "null"])
def test_a_kind_that_is_no_text_is_a_problem(kind: str) -> None:
    found = read(f"apiVersion: v1\nkind: {kind}\n---\n{OURS}", "a.yaml")
    assert [one.resource.KIND for one in found.resources] == ["Channel"]
    assert [one.field for one in found.problems] == ["kind"]


def test_files_together_keep_their_remarks() -> None:
    parts = [read(DEPLOYMENT, name) for name in ("a.yaml", "b.yaml")]
    assert [one.file for one in combine(parts).remarks] == ["a.yaml", "b.yaml"]
