"""Conformance C, D (channels) and E on a real API server: the very tests that hold at home, in rooms of a cluster."""

from __future__ import annotations

# Every test of these modules is collected here once more; `house` and `room` are those of this folder.
from test_conformance_broker_control import *  # noqa: F403
from test_conformance_channel import *  # noqa: F403
