"""Resources in a Kubernetes API server: the third home behind the store port, and the one way in which Kanal asks a cluster.

`connecting` finds the cluster, `client` asks it (raw JSON; errors of `eventing.errors` as `refusals` translates them),
`store` is the port, `elsewhere` looks up what resources refer to. Nothing here is imported where there is no cluster:
lightkube alone takes half a second.
"""
