"""How a person names a subscription or trigger."""

from __future__ import annotations

import pytest

from controller import naming
from eventing.errors import Invalid
from kanal.cli.naming import PLURALS, Named, parted


def test_a_verb_knows_the_kinds_by_all_their_own_words() -> None:
    assert {kind.KIND: kind.PLURAL for kind in naming.KINDS} == PLURALS
    for kind in naming.KINDS:
        for word in (kind.PLURAL, kind.SINGULAR, *kind.SHORT_NAMES, kind.KIND):
            assert parted(f"{word}/x") == (kind.KIND, "x")


def test_a_bare_name_has_no_kind_yet() -> None:
    assert parted("orders") == ("", "orders")


@pytest.mark.parametrize("text", ["", "trigger/", "/x", "channel/x", "a/trigger/x"])
def test_what_names_neither_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="write NAME, subscription/NAME or trigger/NAME"):
        parted(text)


def test_a_path_holds_any_name_and_leaves_out_what_is_not_asked() -> None:
    one = Named("Trigger", "n/s", "a b")
    assert one.path("pace") == "/operations/v1/namespaces/n%2Fs/triggers/a%20b/pace"
    assert one.path("deadletters", type="t&", id="", since=None, limit=0).endswith("/deadletters?type=t%26&limit=0")
