"""Where events go: a reference to a resource, a URI, or a reference with a relative URI behind it (behaviour §11).

Rules only. Which URL a reference has is known to the planner; `join` then puts the relative URI to it.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import SplitResult, urljoin, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from eventing.errors import Invalid
from eventing.kinds.facts import Keywords, MayBeEmpty, Rule
from eventing.kinds.field_error import FieldError, checked, refuse
from eventing.kinds.model import Filled, Model
from eventing.kinds.wording import shown

_URI_CHARACTERS = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+", re.ASCII)
_USER_INFO = re.compile(r"(?:[A-Za-z][\w+.-]*:[/\\]*|[/\\]{2,})[^/?#]*@", re.ASCII)
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", re.ASCII)
_ABSOLUTE = r"[Hh][Tt][Tt][Pp][Ss]?://[^/?#]"
_RELATIVE = r"(?:/(?:/(?:[/?#].*)?|[^/].*)?|[^A-Za-z/].*|[A-Za-z][A-Za-z0-9+.-]*(?:[^A-Za-z0-9+.:-].*)?)?$"
_BEGIN = "-----BEGIN CERTIFICATE-----"
_USUAL_VERSIONS = {
    "Service": "v1",
    "ConfigMap": "v1",
    "Channel": "messaging.knative.dev/v1",
    "KafkaChannel": "messaging.knative.dev/v1beta1",
    "Broker": "eventing.knative.dev/v1",
    "Sequence": "flows.knative.dev/v1",
    "Parallel": "flows.knative.dev/v1",
}


class KReference(Model):
    """A resource by kind and name."""

    EXAMPLE: ClassVar[str] = "write apiVersion, kind and name below it"
    IMPLIED: ClassVar[tuple[str, ...]] = ("namespace",)
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.group) || (has(self.apiVersion) && self.apiVersion != '')",
            "the reference has no apiVersion; add it",
        ),
    )

    kind: Filled = Field(description="The kind of the resource.")
    name: Filled = Field(description="The name of the resource.")
    api_version: str = Field("", description="Group and version of the kind.")
    namespace: str | None = Field(None, description="Its namespace; the referring resource's own where left out.")
    group: str | None = Field(None, description="The group alone, in place of apiVersion.")
    address: str | None = Field(None, description="Which of its addresses, by name; the first where left out.")

    @model_validator(mode="after")
    def _has_group(self) -> Self:
        if not self.api_version and self.group is None:
            usual = _USUAL_VERSIONS.get(self.kind)
            fix = f"add apiVersion: {usual}" if usual else "add apiVersion"
            raise refuse(FieldError(("apiVersion",), "the field is missing", fix))
        return self

    @property
    def kind_group(self) -> str:
        """The group of the kind; empty for Kubernetes' core."""
        return self.api_version.rpartition("/")[0] or self.group or ""

    def in_namespace(self, namespace: str) -> Self:
        """The reference with its namespace filled in."""
        return self if self.namespace else self.model_copy(update={"namespace": namespace})


@checked
def _certificates(text: str) -> str:
    if _BEGIN not in text:
        raise Invalid("there is no PEM certificate in it", fix=f"begin with {_BEGIN}")
    return text


class Destination(Model):
    """A target of events."""

    EXAMPLE: ClassVar[str] = "write uri: http://... or ref: below it, indented"
    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.ref) || (has(self.uri) && self.uri != '')",
            "it leads nowhere; write a ref (for instance to a Service) or a uri",
        ),
        # Whether a uri is to be absolute depends on the ref; CEL could tell, but an API server takes no rule that looks
        # into texts inside of a list without an end. The webhook says it.
    )

    ref: KReference | None = Field(None, description="The resource whose address is the target.")
    uri: Annotated[str, Keywords({"pattern": f"^(?:{_ABSOLUTE}|{_RELATIVE})"})] | None = Field(
        None, description="The target as an absolute URL, or relative to the ref's."
    )
    ca_certs: Annotated[str, AfterValidator(_certificates), Keywords({"pattern": _BEGIN})] | None = Field(
        None, alias="CACerts", description="PEM certificates that vouch for the target, besides the system's."
    )
    audience: str | None = Field(None, description="The OIDC audience of the target.")

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        fault = _fault(self)
        if fault is not None:
            raise refuse(fault)
        return self

    def in_namespace(self, namespace: str) -> Self:
        """The destination with the namespace of its reference filled in."""
        return self if self.ref is None else self.model_copy(update={"ref": self.ref.in_namespace(namespace)})


def _unless_empty(value: Any) -> Any:
    """Knative takes `reply: {}` for no reply."""
    return None if value == {} else value


Reply = Annotated[Destination | None, BeforeValidator(_unless_empty), MayBeEmpty()]
"""Where answers go; nowhere where it's left out or empty."""


def join(base: str, relative: str | None) -> str:
    """The URL of a ref with the destination's relative URI behind it: `/x` replaces the path, `x` its last part."""
    return urljoin(base, relative) if relative else base


def _fault(destination: Destination) -> FieldError | None:
    ref, uri = destination.ref, destination.uri
    if not uri:
        if ref is None:
            return FieldError((), "it leads nowhere", "write a ref (for instance to a Service) or a uri")
        return None
    message, fix = _fault_of(uri, beside_ref=ref is not None)
    return FieldError(("uri",), message, fix) if message else None


def _fault_of(uri: str, *, beside_ref: bool) -> tuple[str, str]:
    """Message and fix, both empty where the URI is sound. A password never gets into a message."""
    if _USER_INFO.match(uri):
        return "a user name or password stands in the URI, where every log would show it", "take it out"
    if not _URI_CHARACTERS.fullmatch(uri):
        return f"{shown(uri)} is no URI", "percent-encode spaces and other characters that a URI can't hold"
    parts = _split(uri)
    if parts is None:
        return f"{shown(uri)} is no URI", "write for instance http://host:8080/path"
    if not beside_ref:
        return _fault_of_absolute(uri, parts)
    if parts.scheme or parts.netloc:
        return "an absolute URI can't stand beside a ref", "keep one of the two, or make the uri relative, as in /path"
    return "", ""


def _fault_of_absolute(uri: str, parts: SplitResult) -> tuple[str, str]:
    if parts.scheme in ("http", "https"):
        if parts.hostname and _HOST.fullmatch(parts.netloc.removesuffix(f":{parts.port}").removesuffix(":")):
            return "", ""
        return f"{shown(uri)} names no host", f"write for instance {parts.scheme}://host:8080/path"
    if parts.scheme and "://" in uri:
        return f"events go over http or https, not {parts.scheme}", "write an http:// or https:// URL"
    if not uri.startswith(("/", "?", "#")) and _split(f"http://{uri}") and not parts.scheme.startswith("http"):
        return f"{shown(uri)} is no absolute URL", f"did you mean http://{uri}?"
    return f"{shown(uri)} is no absolute URL", "write for instance http://host:8080/path, or a ref beside it"


def _split(uri: str) -> SplitResult | None:
    """The parts of a URI; None where brackets or the port are wrong."""
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return None
    return parts
