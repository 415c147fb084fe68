# Sends an event through a channel and waits until it comes out at the subscriber, which is this pod.
set -u
ends=$((SECONDS + ${DEADLINE:-90}))
kanal event-display --host=0.0.0.0 --port=8080 >/tmp/arrived 2>&1 &
echo "Sending to $ADDRESS until an event arrives. The first ones may come too soon: the channel is being made."
sent=0
while ((SECONDS < ends)); do
    sent=$((sent + 1))
    answer=$(kanal send "$ADDRESS" --no-check --type dev.kanal.test --source /kanal/helm-test --id "test-$sent" 2>&1)
    status=$?
    # A moment for its way.
    for _ in 1 2 3 4; do
        if grep --quiet "source: /kanal/helm-test" /tmp/arrived; then
            cat /tmp/arrived
            echo "Kanal works: $answer, and an event came out at the subscriber."
            exit 0
        fi
        sleep 0.5
    done
    ((status == 0)) || echo "$answer"
done
echo "No event arrived. See what the channel says: kubectl describe --namespace $NAMESPACE channel,kafkachannel,subscription"
exit 1
