"""A kubeconfig leads a client to the API, and only its owner can read it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from eventing.errors import Unavailable
from kanal import kubeconfig


def test_the_context_leads_to_the_server_with_the_token_in_its_path() -> None:
    found = yaml.safe_load(kubeconfig.document("http://127.0.0.1:8081", "abc"))
    (context,) = (one["context"] for one in found["contexts"] if one["name"] == found["current-context"])
    (cluster,) = (one["cluster"] for one in found["clusters"] if one["name"] == context["cluster"])
    assert cluster["server"] == "http://127.0.0.1:8081/token/abc"
    assert [one["name"] for one in found["users"]] == [context["user"]]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("laptop", "http://laptop:1"),
    ],
)
def test_an_address_is_one_that_a_client_can_use(host: str, address: str) -> None:
    assert kubeconfig.address(host, 1) == address


def test_a_file_is_its_owners_alone_and_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kubeconfig"
    for text in ("first", "second"):
        kubeconfig.write(path, text)
        assert path.read_text() == text
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_can_t_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="kubeconfig"):
        kubeconfig.write(tmp_path / "file" / "kubeconfig", "x")


def test_a_verb_on_this_machine_finds_the_token_while_the_api_runs(tmp_path: Path) -> None:
    with kubeconfig.known(tmp_path, 8081, "abc"):
        assert kubeconfig.token_for("127.0.0.1", 8081, tmp_path) == "abc"
        assert kubeconfig.token_for("localhost", 8081, tmp_path) == "abc"
        assert kubeconfig.token_for("127.0.0.1", 8082, tmp_path) == ""
        assert kubeconfig.token_for("elsewhere.example", 8081, tmp_path) == ""
    assert kubeconfig.token_for("127.0.0.1", 8081, tmp_path) == ""


def test_one_that_ends_leaves_the_token_of_the_next_alone(tmp_path: Path) -> None:
    with kubeconfig.known(tmp_path, 8081, "old"):
        kubeconfig.write(tmp_path / "tokens" / "8081", "new")
    assert kubeconfig.token_for("127.0.0.1", 8081, tmp_path) == "new"


def test_the_environment_names_the_token_of_any_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kubeconfig.VARIABLE, "xyz")
    assert kubeconfig.token_for("elsewhere.example", 443, tmp_path) == "xyz"
