"""Keeps the webhook's certificate: in a Secret that all replicas share, and in everything that has to trust it.

There is no leader. Whoever finds no usable certificate makes one, and the Secret's resourceVersion decides whose it is; the
bundle of authorities in the Secret is what each of them writes wherever the API server looks for it, again and again,
because a chart that is applied anew may leave those places empty. A new certificate is used a round after it was first
seen: by then the API server trusts it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog

from eventing.errors import Conflict, EventingError, NotFound, Unavailable
from kanal.webhook.certificates import Certificate, made, names_of, read
from kanal.webhook.configurations import DEFAULTING, SERVICE, VALIDATION

SECRET = "kanal-webhook-certs"  # noqa: S105 - the name of the object, and no secret itself
_AGAIN_S = 2.0
_ATTEMPTS = 5
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
_CONFIGURATIONS = (
    f"{_WEBHOOKS}/mutatingwebhookconfigurations/{DEFAULTING}",
    f"{_WEBHOOKS}/validatingwebhookconfigurations/{VALIDATION}",
)
_DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/eventtypes.eventing.knative.dev"
_log = structlog.get_logger("webhook")
Document = dict[str, Any]
Use = Callable[[Certificate], None]
Now = Callable[[], datetime]


class Api(Protocol):
    """What of a Kubernetes client is needed here; errors are those of `eventing.errors`."""

    async def get(self, path: str) -> Document:
        """Read an object."""

    async def post(self, path: str, body: Mapping[str, Any]) -> Document:
        """Make an object; `path` is that of the collection."""

    async def put(self, path: str, body: Mapping[str, Any]) -> Document:
        """Replace an object of the resourceVersion that the body names."""

    async def patch(self, path: str, body: Any, sort: Any) -> Document:
        """Change an object with a list of operations, `sort` being `json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where this webhook stands: the namespace, the domain of the cluster, and whether the definitions are its own."""

    namespace: str
    domain: str
    converts: bool

    @property
    def names(self) -> Sequence[str]:
        """Every name that the certificate has to prove."""
        return names_of(SERVICE, self.namespace, self.domain)


class Keeper:
    """Runs the rounds; `use` is called with each certificate that the server is to show from then on."""

    def __init__(self, api: Api, place: Place, now: Now, use: Use, interval_s: float) -> None:
        self._api = api
        self._place = place
        self._now = now
        self._use = use
        self._interval_s = interval_s
        self._used: Certificate | None = None
        self._seen: Certificate | None = None
        self._absent = False
        """Whether the last round missed a place, which Helm may be about to make."""
        self._told: set[str] = set()
        self._told_before: set[str] = set()
        self.serving = asyncio.Event()
        """Set once there is a certificate to show."""
        self.trusted = False
        """Whether everything that is there has trusted it once."""

    async def run(self) -> None:
        """Rounds without end. What fails or is missing is logged when it is new, and tried again soon."""
        while True:
            pause_s = self._interval_s
            try:
                await self.round()
                is_whole = not self._absent
            except EventingError as error:
                self._tell(str(error))
                is_whole = False
            if not is_whole:
                pause_s = min(_AGAIN_S, pause_s)
            self._told_before, self._told = self._told, set()
            await asyncio.sleep(pause_s)

    async def round(self) -> None:
        """One look at everything. Raises `Denied` and `Unavailable` after having done what could be done."""
        certificate = await self._agreed()
        errors = [error async for error in self._spread(certificate)]
        now = self._now()
        if self._used is None or self._used.ends <= now or certificate == self._seen:
            self._show(certificate)
        self._seen = certificate
        if errors:
            raise errors[0]
        self.trusted = True

    def _show(self, certificate: Certificate) -> None:
        if certificate == self._used:
            return
        self._use(certificate)
        self._used = certificate
        self.serving.set()
        _log.info("certificate in use", ends=certificate.ends.isoformat())

    async def _agreed(self) -> Certificate:
        """The certificate of all replicas: the one that is there, or the one that was first to get there."""
        secrets = f"/api/v1/namespaces/{self._place.namespace}/secrets"
        path = f"{secrets}/{SECRET}"
        for _ in range(_ATTEMPTS):
            try:
                there = await self._api.get(path)
            except NotFound:
                there = None
            data = {} if there is None else _decoded(there.get("data"))
            found, now = read(data), self._now()
            if found is not None and found.serves(self._place.names, now):
                return found
            former = data.get("ca.crt", b"") + (self._used.authorities if self._used else b"")
            new = made(self._place.names, now, former)
            body = _secret(self._place.namespace) if there is None else there
            body = {**body, "data": {name: base64.b64encode(part).decode() for name, part in new.data().items()}}
            try:
                await (self._api.post(secrets, body) if there is None else self._api.put(path, body))
            except (Conflict, NotFound):
                continue
            _log.info("certificate made", names=self._place.names[0], ends=new.ends.isoformat())
            return new
        raise Unavailable("others change it all the time", where=f"Secret {self._place.namespace}/{SECRET}")

    async def _spread(self, certificate: Certificate) -> Any:
        """Have every place trust the authorities; an error for each one that could not be written."""
        bundle = base64.b64encode(certificate.authorities).decode()
        self._absent = False
        places = (*_CONFIGURATIONS, _DEFINITION) if self._place.converts else _CONFIGURATIONS
        for path in places:
            try:
                there = await self._api.get(path)
                patch = list(self._distrusting(path, there, bundle))
                if patch:
                    await self._api.patch(path, patch, "json")
                    _log.info("authorities written", where=path.rpartition("/")[2])
            except NotFound:
                self._absent = True
                self._tell(f"there is no {path.rpartition('/')[2]}, so nobody asks; apply the chart")
            except EventingError as error:
                yield error

    def _distrusting(self, path: str, there: Document, bundle: str) -> Iterator[Document]:
        """The operations for each client configuration in an object that leads here and trusts somebody else."""
        for way, client in _clients(there):
            service = client.get("service")
            theirs = (service["namespace"], service["name"]) if service else (self._place.namespace, SERVICE)
            if theirs != (self._place.namespace, SERVICE):
                name = path.rpartition("/")[2]
                self._tell(
                    f"{name} asks the Service {'/'.join(theirs)} and is left alone; uninstall what it belongs to"
                )
            elif client.get("caBundle") != bundle:
                yield {"op": "add", "path": f"{way}/caBundle", "value": bundle}

    def _tell(self, text: str) -> None:
        """Log what the last round did not say."""
        if text not in self._told | self._told_before:
            _log.warning(text)
        self._told.add(text)


def _clients(there: Document) -> Iterator[tuple[str, Document]]:
    """Each client configuration of an object, by its JSON pointer."""
    for number, webhook in enumerate(there.get("webhooks") or ()):
        yield f"/webhooks/{number}/clientConfig", webhook["clientConfig"]
    conversion = (there.get("spec") or {}).get("conversion") or {}
    if conversion.get("strategy") == "Webhook":
        yield "/spec/conversion/webhook/clientConfig", conversion["webhook"]["clientConfig"]


def _secret(namespace: str) -> Document:
    metadata = {"name": SECRET, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": "kanal"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/tls"}


def _decoded(data: Any) -> dict[str, bytes]:
    """The data of a Secret as bytes, without what is no base64."""
    found = {}
    for name, text in (data or {}).items():
        try:
            found[name] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError, TypeError):
            continue
    return found
