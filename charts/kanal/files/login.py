#!/usr/bin/env python3
"""Writes the settings of a role together with the login to Kafka that a Secret holds; runs before the role does.

    login.py SETTINGS SECRET OUT

The Secret is a folder with Knative's keys as files. The settings end with the table kafka.properties.
"""

import json
import sys
from pathlib import Path

PROTOCOLS = ("PLAINTEXT", "SASL_PLAINTEXT", "SSL", "SASL_SSL")


def properties(secret: Path) -> dict[str, str]:
    """The login as librdkafka's properties; ends the process where the Secret says nothing that makes sense."""

    def text(key: str, otherwise: str = "") -> str:
        file = secret / key
        return file.read_text(encoding="utf-8").strip("\r\n") if file.exists() else otherwise

    protocol = text("protocol")
    if protocol not in PROTOCOLS:
        sys.exit(f"the Secret's key protocol is {protocol!r}; write one of {', '.join(PROTOCOLS)}")
    found = {"security.protocol": protocol}
    if protocol.startswith("SASL"):
        found["sasl.mechanism"] = text("sasl.mechanism", "PLAIN")
        found["sasl.username"], found["sasl.password"] = text("user"), text("password")
    if protocol.endswith("SSL"):
        files = {"ssl.ca.location": "ca.crt"}
        if text("user.skip").lower() != "true":
            files |= {"ssl.certificate.location": "user.crt", "ssl.key.location": "user.key"}
        found |= {name: str(secret / key) for name, key in files.items() if text(key)}
    return found


def main(settings: str, secret: str, out: str) -> None:
    """Do it."""
    lines = [
        f"{json.dumps(name)} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in properties(Path(secret)).items()
    ]
    Path(out).write_text(Path(settings).read_text(encoding="utf-8").rstrip() + "\n" + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
