"""How the switch is made without losing an event: what to do in which order, with the commands for this very cluster. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from kanal.migrate import knative
from kanal.migrate.estate import Estate
from kanal.migrate.finalizers import deletion, internal, left
from kanal.migrate.switch import Switch, scaling, secret, values, webhooks

_KEPT = (
    "brokers.eventing.knative.dev,triggers.eventing.knative.dev,channels.messaging.knative.dev,"
    "kafkachannels.messaging.knative.dev,subscriptions.messaging.knative.dev"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it is, why, and how."""

    title: str
    text: str
    commands: tuple[str, ...] = ()


def steps(estate: Estate, switch: Switch) -> list[Step]:
    """All of them, in order."""
    return [
        *_stopping(estate, switch),
        *_definitions(estate, switch),
        *_installing(estate, switch),
        *_afterwards(estate, switch),
    ]


def _stopping(estate: Estate, switch: Switch) -> Iterator[Step]:
    yield Step(
        "Keep what there is",
        "Uids and statuses hold the names of topics and groups, so keep objects as the API server tells them.",
        (f"kubectl get {_KEPT} -A -o yaml > knative-resources.yaml", _configs(switch)),
    )
    names = [knative.CONTROLLER, *(knative.CORE_CONTROLLERS if switch.serves == "everything" else ())]
    yield Step(
        "Stop Knative's controllers",
        "First, because they scale the dispatchers up again, and delete a topic or a group with its object. Whatever is deleted "
        f"from here on waits for the cleaning up. Where the Knative Operator is, scale {knative.OPERATOR} to 0 before them.",
        (
            *scaling(estate, (knative.OPERATOR,), {}, switch.system),
            *scaling(estate, names, dict.fromkeys(names, "deployment"), switch.system),
        ),
    )
    yield Step(
        "Stop Knative's dispatchers and wait until their groups are empty",
        "On SIGTERM they finish what is in flight and commit. What they can't finish in time comes again, as does what was "
        "finished behind an unfinished event: they commit contiguous offsets only, and delivery is at least once. Receivers go "
        "on: what they take in lies in the topics for Kanal. Go on when `kanal migrate --dry-run` shows 0 members everywhere.",
        tuple(scaling(estate, knative.DISPATCHERS, dict.fromkeys(knative.DISPATCHERS, "statefulset"), switch.system)),
    )


def _definitions(estate: Estate, switch: Switch) -> Iterator[Step]:
    yield Step(
        "Delete Knative's webhooks",
        "Nobody answers for them once Knative's webhook pods are gone, and then no object can be changed.",
        tuple(webhooks(estate, switch.serves)),
    )
    if switch.serves == "everything":
        yield Step(
            "Put Kanal's definitions in the place of Knative's",
            "Never delete a CustomResourceDefinition: all its objects go with it, and with Knative's controller running their "
            "topics too. Helm does not touch definitions that it did not make, hence crds.install: false in the values.",
            (
                f"kanal crds --webhook {switch.namespace}/kanal-webhook | kubectl apply --server-side --force-conflicts -f -",
            ),
        )
    else:
        yield Step(
            "Leave the definitions as they are",
            "Never delete a CustomResourceDefinition: all its objects go with it. Kanal works with Knative's, hence "
            "crds.install: false in the values.",
        )


def _installing(estate: Estate, switch: Switch) -> Iterator[Step]:
    found = secret(estate, switch)
    if found is not None:
        keys = "del(.metadata.namespace,.metadata.uid,.metadata.resourceVersion,.metadata.finalizers,.metadata.ownerReferences)"
        yield Step(
            "Give Kanal the Secret with which Knative reaches Kafka",
            "It is read under the same keys.",
            (
                f"kubectl create namespace {switch.namespace}",
                f"kubectl -n {found[0]} get secret {found[1]} -o json | jq '{keys}' | kubectl -n {switch.namespace} apply -f -",
            ),
        )
    chart = yaml.safe_dump(values(estate, switch), sort_keys=False, width=1_000)
    yield Step(
        "Install Kanal",
        "In a namespace of its own: some of its workloads have the names of Knative's. Its groups go on where Knative's "
        "dispatchers have stopped.",
        (
            f"cat > kanal-values.yaml <<'END'\n{chart}END",
            f"helm install kanal charts/kanal --namespace {switch.namespace} --create-namespace -f kanal-values.yaml",
        ),
    )
    yield Step(
        "See that it delivers",
        f"An object says Ready from the beginning, because Knative has said so: it is Kanal's when its address leads to the "
        f"namespace {switch.namespace}. `kanal migrate --dry-run` then shows Kanal's members, and the lag falls.",
        ("kubectl get brokers.eventing.knative.dev,kafkachannels.messaging.knative.dev -A",),
    )


def _afterwards(estate: Estate, switch: Switch) -> Iterator[Step]:
    yield Step(
        "Move the senders, then stop Knative's receivers",
        "The addresses in the statuses are Kanal's now, and the Services of channels lead to it. Knative's own Services "
        f"kafka-broker-ingress and kafka-channel-ingress in {switch.system} still take events into the same topics, so there is "
        "no hurry: stop the receivers when no sender uses those any more.",
        tuple(scaling(estate, knative.RECEIVERS, dict.fromkeys(knative.RECEIVERS, "deployment"), switch.system)),
    )
    own = internal(estate)
    yield Step(
        "Clean up, when no way back is wanted",
        "Nobody takes off what Knative's controllers have put on objects, so these would hang when they are deleted. "
        f"ConsumerGroups go only now: with {knative.CONTROLLER} running, their deletion takes the offsets along. Then delete "
        f"Knative's workloads one by one; not with `kubectl delete -f` of its release, whose definitions would take everything "
        f"along, and keep the ConfigMaps in {switch.system} that Brokers name in spec.config.",
        (*(one.command for one in left(estate, switch.serves)), *map(deletion, own)),
    )
    yield Step(
        "The way back, until then",
        "Scale Kanal's controller and dispatchers to 0, wait until the groups are empty, apply Knative's webhooks (and "
        "definitions) from its release, and scale its workloads up. It goes on at Kanal's commits; what Kanal had finished "
        "behind an unfinished event comes again. Deliver what lies in Kanal's dead letter topics before "
        "(`kanal deadletters redeliver`): Knative does not know them.",
        (
            f"kubectl -n {switch.namespace} scale deployment kanal-controller --replicas=0",
            f"kubectl -n {switch.namespace} scale statefulset kafka-channel-dispatcher --replicas=0",
            f"kubectl -n {switch.system} scale deployment {knative.CONTROLLER} --replicas=1",
        ),
    )


def _configs(switch: Switch) -> str:
    return f"kubectl -n {switch.system} get configmaps,deployments,statefulsets -o yaml > knative-installation.yaml"
