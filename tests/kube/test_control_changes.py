"""B39, B41, B45 and the registry on a real API server: the cases that need a stack of their own, as at home."""

from __future__ import annotations

import pytest
import test_change_cases
import test_event_types
import test_flow_cases
from cluster_stack import upon
from kube_server import ApiServer
from test_change_cases import (  # noqa: F401  collected here once more
    test_b39_a_deleted_subscription_sends_nothing_more_and_leaves_no_group_and_no_socket,
    test_b39_what_was_deleted_while_no_dispatcher_ran_does_not_come_back_with_one,
    test_b41_a_subscription_that_is_deleted_and_made_again_ten_times_is_one,
)
from test_event_types import (  # noqa: F401
    test_a_type_is_registered_from_a_triggers_reply,
    test_a_type_is_registered_from_what_is_sent_to_a_channel,
)
from test_flow_cases import (  # noqa: F401
    test_b45_a_branch_without_a_filter_gets_everything_and_a_silent_filter_drops_it_for_its_branch,
    test_b45_a_sequence_changes_while_events_run_through_it,
)

pytestmark = pytest.mark.kafka


@pytest.fixture(autouse=True)
def in_cluster(kube: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stack a test makes, its resources are in the API server."""
    for module in (test_change_cases, test_event_types, test_flow_cases):
        monkeypatch.setattr(module, "running", upon(kube))
