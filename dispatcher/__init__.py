"""The read side: Kafka record in, HTTP request out. One consumer group a subscriber, retries, replies, dead letters."""
