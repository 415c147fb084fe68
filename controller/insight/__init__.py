"""Where events are and how subscriptions and triggers stand, computed when somebody asks: `kanal trace` and `kanal lag`.

Nothing here is kept beforehand but the dispatchers' reports (`eventing.outcomes`): events are found by reading their topic,
whether one is finished is told by its group's mark, and how it ended by the reports. So asking costs reading, and not asking
costs nothing. `verdict` decides and is pure; `trace`, `lag`, `reports` and `backlog` read Kafka.
"""
