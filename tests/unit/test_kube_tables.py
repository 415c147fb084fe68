from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventing.errors import Invalid
from eventing.kinds.columns import AGE, Column
from eventing.kinds.eventtype import EventType
from eventing.kinds.registry import KINDS
from kanal.api.kube.ages import age
from kanal.api.kube.jsonpath import at
from kanal.api.kube.tables import table

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BROKER: dict[str, Any] = {
    "apiVersion": "eventing.knative.dev/v1",
    "kind": "Broker",
    "metadata": {"name": "mesh", "namespace": "default", "creationTimestamp": "2026-11-26T11:55:00Z"},
    "spec": {"steps": [{"uri": "http://a"}, {"uri": "http://b"}], "broker": "mesh"},
    "status": {
        "address": {"url": "http://kanal/default/mesh"},
        "subscriberUri": "http://s",
        "conditions": [
            {"type": "Addressable", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "NoTopic"},
        ],
    },
}


def columns_of(kind: str) -> tuple[Column, ...]:
    return next(one for one in KINDS if kind == one.KIND).PRINTER_COLUMNS


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("Broker", ["URL", "Age", "Ready", "Reason"]),
        ("Channel", ["URL", "Age", "Ready", "Reason"]),
        ("Sequence", ["URL", "Age", "Ready", "Reason"]),
        ("Parallel", ["URL", "Age", "Ready", "Reason"]),
        ("KafkaChannel", ["Ready", "Reason", "URL", "Age"]),
        ("Trigger", ["Broker", "Subscriber_URI", "Age", "Ready", "Reason"]),
        ("Subscription", ["Age", "Ready", "Reason"]),
        (
            "EventType",
            ["Type", "Source", "Schema", "Reference Name", "Reference Kind", "Description", "Ready", "Reason"],
        ),
        ("ConfigMap", ["Data", "Age"]),
    ],
)
def test_each_kind_has_the_columns_that_knative_and_kubernetes_show(kind: str, names: list[str]) -> None:
    found = table(columns_of(kind), [], now=NOW)
    assert [one["name"] for one in found["columnDefinitions"]] == ["Name", *names]


def test_a_row_holds_the_values_of_its_columns() -> None:
    found = table(columns_of("Broker"), [BROKER], now=NOW, version="17")
    assert (found["kind"], found["apiVersion"], found["metadata"]) == (
        "Table",
        "meta.k8s.io/v1",
        {"resourceVersion": "17"},
    )
    assert [row["cells"] for row in found["rows"]] == [["mesh", "http://kanal/default/mesh", "5m", "False", "NoTopic"]]
    assert table(columns_of("Trigger"), [BROKER], now=NOW)["rows"][0]["cells"][1:3] == ["mesh", "http://s"]


def test_a_new_object_shows_nothing_where_nothing_is_known() -> None:
    new = {"metadata": {"name": "new"}}
    assert table(columns_of("Broker"), [new], now=NOW)["rows"][0]["cells"] == ["new", None, "<unknown>", None, None]


def test_a_row_carries_the_metadata_the_whole_object_or_nothing() -> None:
    def row(**include: Any) -> dict[str, Any]:
        return dict(table((AGE,), [BROKER], now=NOW, **include)["rows"][0])

    about = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": BROKER["metadata"]}
    assert row()["object"] == about
    assert row(include="Object")["object"] == BROKER
    assert "object" not in row(include="None")


def test_later_events_of_a_watch_come_without_headings() -> None:
    found = table((AGE,), [BROKER], now=NOW, headings=False)
    assert found["columnDefinitions"] == []
    assert found["rows"][0]["cells"] == ["mesh", "5m"]


def test_a_definition_says_type_and_priority() -> None:
    wide = Column("Topic", "string", ".status.topic", priority=1, description="The topic.")
    assert table((wide,), [], now=NOW)["columnDefinitions"] == [
        {"name": "Name", "type": "string", "format": "name", "priority": 0, "description": "The name, unique for this kind in its namespace."},
        {"name": "Topic", "type": "string", "format": "", "priority": 1, "description": "The topic."},
    ]  # fmt: skip


def test_a_config_map_shows_how_many_keys_it_has() -> None:
    document = {"metadata": {"name": "a"}, "data": {"x": "1", "y": "2"}, "binaryData": {"z": "aGk="}}
    assert (
        table(columns_of("ConfigMap"), [document, {"metadata": {"name": "b"}}], now=NOW)["rows"][0]["cells"][1] == "3"
    )


@pytest.mark.parametrize(
    ("type_", "value", "cell"),
    [
        ("string", "x", "x"),
        ("string", 3, "3"),
        ("string", True, "true"),
        ("string", {"a": [1]}, '{"a": [1]}'),
        ("integer", 3, 3),
        ("integer", "3", None),
        ("integer", True, None),
        ("number", 1.5, 1.5),
        ("number", False, None),
        ("boolean", False, False),
        ("boolean", "yes", None),
        ("date", "2026-11-26T11:00:00Z", "60m"),
        ("date", "yesterday", "<unknown>"),
    ],
)
def test_a_cell_has_the_type_of_its_column_or_nothing(type_: Any, value: Any, cell: Any) -> None:
    document = {"metadata": {"name": "a"}, "spec": {"x": value}}
    assert table((Column("X", type_, ".spec.x"),), [document], now=NOW)["rows"][0]["cells"][1] == cell


def test_both_spellings_of_an_event_type_show_the_same_cells() -> None:
    older = {
        "apiVersion": "eventing.knative.dev/v1beta2",
        "kind": "EventType",
        "metadata": {"name": "a"},
        "spec": {"type": "order.placed", "source": "/shop", "schema": "http://s", "description": "An order."},
    }
    newer = EventType.model_validate(older, by_alias=True).document_in("v1beta3")
    cells = [
        table(model.PRINTER_COLUMNS, [document], now=NOW)["rows"][0]["cells"]
        for model, document in ((EventType, older), (EventType.SHAPES["v1beta3"], newer))
    ]
    assert cells[0] == cells[1] == ["a", "order.placed", "/shop", "http://s", None, None, "An order.", None, None]


def test_every_column_of_every_kind_has_a_path_that_can_be_read() -> None:
    shapes = [shape for kind in KINDS for shape in (kind, *kind.SHAPES.values())]
    for column in (column for shape in shapes for column in shape.PRINTER_COLUMNS):
        assert at({}, column.path) is None or column.counted


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".metadata.name", "mesh"),
        (".spec.steps[1].uri", "http://b"),
        (".spec.steps[2].uri", None),
        (".spec.steps.uri", None),
        (".spec.broker[0]", None),
        ('.status.conditions[?(@.type=="Ready")].reason', "NoTopic"),
        (".status.conditions[?(@.type=='Addressable')].status", "True"),
        ('.status.conditions[?(@.type=="Paused")].status', None),
        (".none.at.all", None),
    ],
)
def test_a_path_leads_to_a_value_or_nowhere(path: str, value: Any) -> None:
    assert at(BROKER, path) == value


@pytest.mark.parametrize("path", ["metadata.name", ".a..b", ".a[", ".a[-1]", ".a[?(@.x>1)]", ".a[*]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="no JSONPath for a column"):
        at(BROKER, path)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (330, "5m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_100, "3h5m"),
        (28_799, "7h59m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (183_600, "2d3h"),
        (691_200, "8d"),
        (34_560_001, "400d"),
        (63_072_000, "2y"),
        (63_676_800, "2y7d"),
        (252_288_000, "8y"),
        (283_000_000, "8y"),
    ],
)
def test_an_age_is_the_finer_the_younger(seconds: int, text: str) -> None:
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == text


@pytest.mark.parametrize("created", ["", "soon", None, "2026-11-26T11:00:00"])
def test_the_age_of_what_has_no_time_is_unknown(created: Any) -> None:
    assert age(created, NOW) == "<unknown>"
