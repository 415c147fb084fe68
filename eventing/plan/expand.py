"""The objects that exist because others do: a KafkaChannel behind each Channel."""

from __future__ import annotations

from collections.abc import Mapping

from eventing.errors import Invalid
from eventing.kinds.channel import Channel
from eventing.kinds.kafkachannel import KafkaChannel
from eventing.kinds.key import Key
from eventing.kinds.meta import OwnerReference, Resource, stable_uid
from eventing.kinds.registry import parse
from eventing.plan.channels import backing_key
from eventing.plan.options import Options, Problem


def backing_channels(
    resources: Mapping[Key, Resource], options: Options
) -> tuple[tuple[Resource, ...], Mapping[Key, Problem]]:
    """The KafkaChannel of each Channel, and why a Channel has none. One that is there keeps its uid and status."""
    children: list[Resource] = []
    refusals: dict[Key, Problem] = {}
    for key, channel in resources.items():
        if not isinstance(channel, Channel):
            continue
        behind = backing_key(key)
        old = resources.get(behind)
        if old is not None and channel.metadata.uid not in (owner.uid for owner in old.metadata.owner_references):
            text = f"{behind} was there before and is not owned by this Channel"
            refusals[key] = Problem("BackingChannelTaken", text)
            continue
        try:
            children.append(_backing(channel, behind, old, options))
        except Invalid as error:
            refusals[key] = Problem("ChannelTemplateInvalid", f"spec.channelTemplate.{error}")
    return tuple(children), refusals


def is_child(resource: Resource) -> bool:
    """Whether this is a KafkaChannel that exists because of a Channel; one with any other owner is not ours to touch."""
    return isinstance(resource, KafkaChannel) and any(
        owner.controller and (owner.kind, owner.api_version.rpartition("/")[0]) == (Channel.KIND, Channel.GROUP)
        for owner in resource.metadata.owner_references
    )


def _backing(channel: Channel, key: Key, old: Resource | None, options: Options) -> Resource:
    template = channel.spec.channel_template
    spec = dict(template.spec) if template is not None and template.kind == KafkaChannel.KIND else {}
    if channel.spec.delivery is not None:
        spec["delivery"] = channel.spec.delivery.document()
    child = parse(
        {
            "apiVersion": f"{key.group}/{KafkaChannel.VERSIONS[0]}",
            "kind": key.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": spec,
        }
    ).defaulted(options.defaults)
    owner = OwnerReference(
        api_version=channel.api_version,
        kind=channel.kind,
        name=channel.metadata.name,
        uid=channel.metadata.uid or "?",
        controller=True,
        block_owner_deletion=True,
    )
    lasting = {"uid": stable_uid(*key), "generation": 1, "creation_timestamp": None}
    if old is not None:
        lasting = {name: getattr(old.metadata, name) for name in lasting}
    metadata = child.metadata.model_copy(update={**lasting, "owner_references": [owner]})
    return child.model_copy(update={"metadata": metadata, "status": {} if old is None else old.status})
