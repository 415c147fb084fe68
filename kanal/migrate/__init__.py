"""What it takes to put Kanal in the place of Knative's Kafka data plane: looked at and told, never done.

`estate` is what a cluster (or files from it) holds, `held` what Knative's data plane has in Kafka for it, `takeover` where
Kanal's own plan agrees with that, `positions` where each group would go on, `differences` and `installation` what would behave
otherwise, `steps` how the switch is made. Those are pure; `gather` and `look` ask the API server and Kafka, and change nothing.
"""
