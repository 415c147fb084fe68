"""What may be a name, a namespace, a label: Kubernetes' rules, because the same YAML has to run on a cluster too."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from eventing.errors import Invalid
from eventing.kinds.field_error import checked
from eventing.kinds.wording import shown

_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_KEY_NAME = re.compile(r"[A-Za-z0-9](?:[-\w.]{0,61}[A-Za-z0-9])?", re.ASCII)
_LONGEST_NAME = 253


@checked
def _name(text: str) -> str:
    if len(text) > _LONGEST_NAME:
        raise Invalid(f"the name is {len(text)} characters long, {_LONGEST_NAME} at most are allowed")
    if text and not _SUBDOMAIN.fullmatch(text):
        raise Invalid(f"{shown(text)} can't be a name; a-z, 0-9, - and . are allowed", fix=_rewritten(text))
    return text


@checked
def _namespace(text: str) -> str:
    if not _NAMESPACE.fullmatch(text):
        raise Invalid(f"{shown(text)} can't be a namespace; 63 of a-z, 0-9 and - are allowed", fix=_rewritten(text))
    return text


@checked
def _key(text: str) -> str:
    if not fits_key(text):
        raise Invalid(f"{shown(text)} can't be a key", fix="write name or example.com/name")
    return text


@checked
def _label_value(text: str) -> str:
    if not fits_label(text):
        raise Invalid(
            f"{shown(text)} can't be a label's value; 63 of letters, digits, -, _ and . are allowed",
            fix="make it an annotation, which takes any text",
        )
    return text


def fits_key(text: str) -> bool:
    """Whether a text can be the key of a label or an annotation."""
    prefix, slash, name = text.rpartition("/")
    fits = not slash or (len(prefix) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(prefix) is not None)
    return fits and _KEY_NAME.fullmatch(name) is not None


def fits_label(text: str) -> bool:
    """Whether a text can be the value of a label."""
    return not text or _KEY_NAME.fullmatch(text) is not None


def _rewritten(text: str) -> str:
    better = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-")
    return f"write for instance {better}" if better else ""


Name = Annotated[str, AfterValidator(_name)]
Namespace = Annotated[str, AfterValidator(_namespace)]
LabelKey = Annotated[str, AfterValidator(_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
