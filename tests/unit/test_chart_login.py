"""The login to Kafka that a Secret holds under Knative's keys becomes settings of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from eventing.settings import Settings, load

SCRIPT = Path(__file__).parents[2] / "charts" / "kanal" / "files" / "login.py"
TOML = '[kafka]\nbootstrap = "kafka:9093"\n\n[kafka.properties]\n"client.rack" = "a,b"\n'


def run(folder: Path, **keys: str) -> subprocess.CompletedProcess[str]:
    secret = folder / "secret"
    secret.mkdir()
    for name, value in keys.items():
        (secret / name.replace("_", ".")).write_text(value, encoding="utf-8")
    (folder / "kanal.toml").write_text(TOML, encoding="utf-8")
    command = [sys.executable, str(SCRIPT), str(folder / "kanal.toml"), str(secret), str(folder / "out.toml")]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def settled(folder: Path, **keys: str) -> Settings:
    done = run(folder, **keys)
    assert done.returncode == 0, done.stderr
    return load({}, (folder / "out.toml").read_text(encoding="utf-8"))


def test_a_password_keeps_every_character(tmp_path: Path) -> None:
    password = 'a,b=c "d" \\e\té☃ '
    found = settled(tmp_path, protocol="SASL_SSL\n", sasl_mechanism="SCRAM-SHA-512", user="me", password=password)
    assert found.kafka.bootstrap == "kafka:9093"
    assert found.kafka.properties == {
        "client.rack": "a,b",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "me",
        "sasl.password": password,
    }


def test_the_mechanism_is_plain_where_none_is_named(tmp_path: Path) -> None:
    found = settled(tmp_path, protocol="SASL_PLAINTEXT", user="me", password="secret", ca_crt="unused")
    assert found.kafka.properties["sasl.mechanism"] == "PLAIN"
    assert "ssl.ca.location" not in found.kafka.properties


def test_certificates_are_read_where_kubernetes_keeps_them(tmp_path: Path) -> None:
    found = settled(tmp_path, protocol="SSL", ca_crt="ca", user_crt="certificate", user_key="key")
    assert found.kafka.properties == {
        "client.rack": "a,b",
        "security.protocol": "SSL",
        "ssl.ca.location": str(tmp_path / "secret" / "ca.crt"),
        "ssl.certificate.location": str(tmp_path / "secret" / "user.crt"),
        "ssl.key.location": str(tmp_path / "secret" / "user.key"),
    }


def test_a_client_certificate_is_left_out_where_the_secret_says_so(tmp_path: Path) -> None:
    found = settled(tmp_path, protocol="SSL", user_skip="true", user_crt="certificate", user_key="key")
    assert found.kafka.properties == {"client.rack": "a,b", "security.protocol": "SSL"}


@pytest.mark.parametrize("protocol", ["", "SASL", "ssl"])
def test_a_protocol_that_there_is_not_ends_the_pod_with_the_ones_that_there_are(tmp_path: Path, protocol: str) -> None:
    done = run(tmp_path, protocol=protocol)
    assert done.returncode != 0
    assert repr(protocol) in done.stderr
    assert "SASL_SSL" in done.stderr
