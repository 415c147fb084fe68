"""`kanal migrate --dry-run` reads files or a cluster, changes nothing, and says with its exit code whether the way is free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import knative_stand as knative
import pytest
import yaml
from typer.testing import CliRunner

from eventing.errors import Denied, Invalid, NotFound
from kanal.cli import app
from kanal.migrate.finding import Finding
from kanal.migrate.gather import from_cluster, from_files

Answers = Mapping[str, Any]


def written(folder: Path, *documents: dict[str, Any]) -> Path:
    file = folder / "knative.yaml"
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return file


def ran(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["migrate", *words], catch_exceptions=False)
    return result.exit_code, result.stdout


def refused(*words: str) -> str:
    with pytest.raises(Invalid) as error:
        CliRunner().invoke(app, ["migrate", *words], catch_exceptions=False)
    return str(error.value)


class Api:
    """An API server that has just these answers; anything else is not found."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        self.asked.append(path)
        answer = self._answers.get(path + query.get("continue", ""))
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            raise NotFound("there is no such path", where=path)
        return answer


def listed(version: str, kind: str, *items: dict[str, Any], more: str = "") -> dict[str, Any]:
    bare = [{name: one[name] for name in one if name not in ("apiVersion", "kind")} for one in items]
    return {"apiVersion": version, "kind": f"{kind}List", "items": bare, "metadata": {"continue": more}}


def test_without_dry_run_it_refuses_because_there_is_no_switch_that_it_could_make() -> None:
    assert "kanal migrate changes nothing" in refused()
    assert "add --dry-run" in refused("x.yaml", "-o", "json")


def test_a_wrong_word_is_refused_with_the_right_ones() -> None:
    assert refused("--dry-run", "-o", "yaml") == "--output: 'yaml' is no format; use text or json"


def test_files_are_told_as_tables_problems_and_steps_and_a_problem_is_exit_code_1(tmp_path: Path) -> None:
    code, out = ran("--dry-run", str(written(tmp_path, *knative.installation(), *knative.shop())))
    assert code == 1
    assert [line for line in out.splitlines() if line and not line.startswith(" ")] == [
        "Topics", "Groups", "Problems", "Steps", "1 problem: see to it before the first step.",
    ]  # fmt: skip
    assert "Broker shop/orders       knative-broker-shop-orders          status    the same  not asked" in out
    assert "fix: name it with --kafka" in out


def test_json_is_the_same_for_programs(tmp_path: Path) -> None:
    code, out = ran("--dry-run", "-o", "json", "--serves", "kafka", str(written(tmp_path, *knative.shop())))
    whole = json.loads(out)
    assert (code, whole["clean"], whole["serves"], whole["kafka"]) == (1, False, "kafka", None)
    assert [one["kanal"] for one in whole["topics"]] == [
        "knative-broker-shop-orders",
        "knative-messaging-kafka.shop.bills",
    ]


def test_a_long_step_is_cut_on_a_screen_and_whole_in_json(tmp_path: Path) -> None:
    file = written(tmp_path, *(knative.broker("shop", f"b{number}") for number in range(20)))
    _, out = ran("--dry-run", str(file))
    assert out.count("patch brokers.eventing.knative.dev") == 12
    assert "and 8 more of these: -o json has them all" in out
    assert ran("--dry-run", "-o", "json", str(file))[1].count("patch brokers.eventing.knative.dev") == 20


def test_a_broken_document_is_a_problem_and_hides_no_other(tmp_path: Path) -> None:
    file = written(tmp_path, knative.broker("shop"))
    file.write_text(file.read_text(encoding="utf-8") + "\n---\na: [1\n---\n- no\n---\nplain\n", encoding="utf-8")
    found = from_files([file])
    assert [one["kind"] for one in found.documents] == ["Broker"]
    assert [one.object.startswith(f"{file}:") for one in found.unread] == [True]


async def test_a_cluster_is_read_page_by_page_in_the_version_that_it_serves() -> None:
    first, second = knative.broker("shop"), knative.broker("shop", "second")
    api = Api(
        {
            "/apis/eventing.knative.dev/v1/brokers": listed("eventing.knative.dev/v1", "Broker", first, more="next"),
            "/apis/eventing.knative.dev/v1/brokersnext": listed("eventing.knative.dev/v1", "Broker", second),
            "/apis/messaging.knative.dev/v1/kafkachannels": listed(
                "messaging.knative.dev/v1", "KafkaChannel", knative.kafka_channel("shop")
            ),
            "/api/v1/namespaces/knative-eventing/configmaps/kafka-broker-config": knative.installation()[1],
        }
    )
    found = await from_cluster(api, "knative-eventing")
    assert found.unread == []
    assert [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in found.documents] == [
        ("eventing.knative.dev/v1", "Broker", "orders"),
        ("eventing.knative.dev/v1", "Broker", "second"),
        ("messaging.knative.dev/v1", "KafkaChannel", "bills"),
        ("v1", "ConfigMap", "kafka-broker-config"),
    ]


async def test_the_config_maps_that_brokers_name_are_read_too() -> None:
    hub = knative.broker("shop", config={"apiVersion": "v1", "kind": "ConfigMap", "name": "own"})
    api = Api({"/apis/eventing.knative.dev/v1/brokers": listed("eventing.knative.dev/v1", "Broker", hub)})
    await from_cluster(api, "knative-eventing")
    assert "/api/v1/namespaces/shop/configmaps/own" in api.asked


async def test_of_deployments_only_those_of_knative_count() -> None:
    names = ("kafka-controller", "shop")
    items = [{"metadata": {"name": name, "namespace": "n"}} for name in names]
    api = Api({"/apis/apps/v1/deployments": listed("apps/v1", "Deployment", *items)})
    found = await from_cluster(api, "knative-eventing")
    assert [one["metadata"]["name"] for one in found.documents] == ["kafka-controller"]


async def test_what_may_not_be_read_is_a_problem_with_the_permission_that_is_missing() -> None:
    denied = Denied("forbidden", where="brokers", fix="grant the verb list on brokers.eventing.knative.dev in a role")
    found = await from_cluster(Api({"/apis/eventing.knative.dev/v1/brokers": denied}), "knative-eventing")
    assert found.unread == [
        Finding(
            "problem",
            "brokers.eventing.knative.dev",
            "may not be read: forbidden",
            "grant the verb list on brokers.eventing.knative.dev in a role",
        )
    ]
