"""Service: Kubernetes' own kind, as a name that has a URL. Where there is no cluster, somebody has to say which one.

What only a cluster makes use of is taken and kept, so that the file of a cluster applies unchanged.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field

from eventing.kinds.columns import AGE, Column
from eventing.kinds.field_error import FieldError
from eventing.kinds.meta import Defaults, Features, Resource
from eventing.kinds.model import Model
from eventing.kinds.wording import shown

URL_ANNOTATION = "kanal.dev/url"
"""Where the Service is reached from here, `http://HOST:PORT/PATH`."""
_EXTERNAL = "ExternalName"
_PLAIN_PORT = 80


class ServicePort(Model):
    """A port of a Service."""

    model_config = ConfigDict(extra="allow")

    port: int = Field(ge=1, le=65_535, description="The port at which the Service is reached.")


class ServiceSpec(Model):
    """What a Service is; further fields of Kubernetes are kept as they are."""

    model_config = ConfigDict(extra="allow")

    type: str | None = Field(None, description="ExternalName for one with a host of its own; ClusterIP where left out.")
    external_name: str | None = Field(None, description="The host that the name stands for.")
    ports: list[ServicePort] = Field(
        default=[], description="The ports; events go to the first one, 80 where left out."
    )


class Service(Resource):
    """A name for what takes events."""

    GROUP: ClassVar[str] = ""
    KIND: ClassVar[str] = "Service"
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = "services"
    SINGULAR: ClassVar[str] = "service"
    SHORT_NAMES: ClassVar[tuple[str, ...]] = ("svc",)
    CATEGORIES: ClassVar[tuple[str, ...]] = ()
    PRINTER_COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("Type", "string", ".spec.type"),
        Column("External-Name", "string", ".spec.externalName"),
        Column("Port", "integer", ".spec.ports[0].port"),
        AGE,
    )

    api_version: str = "v1"
    kind: str = "Service"
    spec: ServiceSpec = Field(default=ServiceSpec(), description="What the Service is.")

    @property
    def given_url(self) -> str:
        """The URL that its annotation gives; empty where there is none."""
        return self.metadata.annotations.get(URL_ANNOTATION, "")

    @property
    def external_url(self) -> str:
        """The URL of the host that the name stands for; empty where it stands for none."""
        if not self.spec.external_name:
            return ""
        port = self.spec.ports[0].port if self.spec.ports else _PLAIN_PORT
        return f"http://{self.spec.external_name}" + ("" if port == _PLAIN_PORT else f":{port}")

    def defaulted(self, defaults: Defaults) -> Self:  # noqa: ARG002 - nothing of the installation's is filled in
        if self.spec.type is not None:
            return self
        return self.model_copy(update={"spec": self.spec.model_copy(update={"type": "ClusterIP"})})

    def faults(self, features: Features) -> list[FieldError]:  # noqa: ARG002 - no feature changes a Service
        found = []
        url = self.given_url
        if URL_ANNOTATION in self.metadata.annotations and not _is_url(url):
            path = ("metadata", "annotations", URL_ANNOTATION)
            found.append(FieldError(path, f"{shown(url)} is no URL", "write for instance http://127.0.0.1:9000"))
        if self.spec.type == _EXTERNAL and not self.spec.external_name:
            found.append(FieldError(("spec", "externalName"), "the field is missing", "add the host that is meant"))
        return found

    def document(self) -> dict[str, Any]:
        """The resource as YAML or JSON would hold it."""
        whole = super().document()
        return whole if whole["spec"] else {name: value for name, value in whole.items() if name != "spec"}


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
