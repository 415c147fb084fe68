"""Which cluster, and as whom: the service account of the pod, or a kubeconfig.

lightkube reads either, with client certificates, tokens that rotate, and commands that fetch one.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import user_auth, verify_cluster
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from eventing.errors import Invalid
from eventing.settings import Kubernetes
from eventing.store.kubernetes.client import ANSWER_S, Client

_SAME_ANSWER = "client.authentication.k8s.io/v1"
"""Commands of this version print the token where those of `v1beta1` do, the newest that lightkube takes."""


@asynccontextmanager
async def connected(settings: Kubernetes) -> AsyncIterator[Client]:
    """A client for as long as the block runs.

    Raises `Invalid` that names the file and the fix where neither a service account nor a usable kubeconfig is there.
    """
    config = _found(settings.kubeconfig)
    user = config.user or User()
    try:
        verify = verify_cluster(config.cluster, user, config.abs_file)
        auth = user_auth(user)
    except (ConfigError, OSError, ValueError) as error:
        fix = "mend its certificates and its user"
        raise Invalid(f"it can't be used: {error}", where=str(config.fname or SERVICE_ACCOUNT), fix=fix) from error
    # A watch keeps its connection, so their number has no end of its own; `Client` bounds the requests.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=32)
    async with httpx2.AsyncClient(
        base_url=config.cluster.server, verify=verify, auth=auth, timeout=ANSWER_S, limits=limits
    ) as http:
        http.headers["User-Agent"] = "kanal"
        yield Client(http, config.namespace, random.random)


def _found(kubeconfig: str) -> SingleConfig:
    """The cluster that the settings, the pod or the environment name."""
    if not kubeconfig and Path(SERVICE_ACCOUNT, "token").exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _chosen(KubeConfig.from_service_account(SERVICE_ACCOUNT), SERVICE_ACCOUNT)
    # The variable may name several files, of which kubectl takes the first that is there for what it reads.
    names = kubeconfig or os.environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG
    files = [Path(name).expanduser() for name in names.split(os.pathsep) if name]
    file = next((one for one in files if one.is_file()), None)
    if file is None:
        message = "there is no such file, and no service account of a pod"
        raise Invalid(message, where=names, fix="name a kubeconfig with --kubeconfig or KUBECONFIG")
    try:
        return _chosen(KubeConfig.from_file(file), str(file))
    except (yaml.YAMLError, msgspec.ValidationError, KeyError, TypeError, AttributeError, OSError) as error:
        raise _unusable(str(file), error) from error


def _chosen(found: KubeConfig, file: str) -> SingleConfig:
    try:
        config = found.get()
    except (ConfigError, KeyError) as error:
        raise _unusable(file, error) from error
    if config is None:  # pragma: no cover - only where a default was given
        raise AssertionError
    for_exec = config.user.exec if config.user else None
    if for_exec and for_exec.apiVersion == _SAME_ANSWER:
        for_exec.apiVersion += "beta1"
    return config


def _unusable(file: str, error: Exception) -> Invalid:
    fix = "choose a context in it: kubectl config use-context NAME"
    return Invalid(f"it names no cluster that can be used: {error}", where=file, fix=fix)
