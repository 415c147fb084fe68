"""B40, B41, B43, B44 and B45 on a real API server: the cases of Brokers that hold at home, in rooms of a cluster."""

from __future__ import annotations

import pytest
from test_broker_cases import (  # noqa: F401  collected here once more
    test_b40_a_trigger_whose_subscriber_vanishes_is_not_ready_and_its_events_wait,
    test_b40_a_trigger_with_another_subscriber_or_filter_loses_nothing_and_skips_nothing,
    test_b40_and_b41_a_label_or_a_delivery_that_changes_restarts_no_consumer_and_repeats_nothing,
    test_b41_a_trigger_that_is_deleted_and_made_again_ten_times_is_one,
    test_b41_the_same_documents_twice_change_nothing_and_two_of_one_name_are_refused,
    test_b41_two_triggers_with_one_subscriber_deliver_each_event_exactly_twice,
    test_b43_a_trigger_sends_into_the_namespace_that_it_names_and_nowhere_else,
    test_b44_a_broker_whose_dead_letter_sink_is_missing_names_it_and_heals_by_itself,
    test_b44_a_class_that_nobody_knows_is_served_here_and_says_so,
    test_b44_a_trigger_without_its_broker_and_a_subscription_without_its_channel_name_it_and_heal,
    test_b44_what_fails_in_a_sequence_behind_a_trigger_goes_to_the_step_alone,
)

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]
