# A walk with plain kubectl, to be typed line by line from the root of the repository; README.md shows what comes of each.
# It needs what `kanal up` prints behind "kubectl": export KUBECONFIG=...

kubectl apply -f examples/quickstart/quickstart.yaml
kubectl wait --for=condition=Ready channel/quickstart subscription/display subscription/faulty --timeout=60s

kubectl get channels,subscriptions
kubectl describe subscription display

url=$(kubectl get channel quickstart -o jsonpath='{.status.address.url}')
curl -si "$url" -H 'Ce-Id: first' -H 'Ce-Source: /walk' -H 'Ce-Type: greeting' -H 'Ce-Specversion: 1.0' -d 'Hello'

KUBE_EDITOR="sed -i 's/name: event-display/name: elsewhere/'" kubectl edit subscription display
kubectl wait --for=condition=Ready subscription/display --timeout=60s
curl -si "$url" -H 'Ce-Id: second' -H 'Ce-Source: /walk' -H 'Ce-Type: greeting' -H 'Ce-Specversion: 1.0' -d 'Hello'

kubectl delete -f examples/quickstart/quickstart.yaml
kubectl get all
