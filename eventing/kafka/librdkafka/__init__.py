"""The log port on librdkafka, through confluent-kafka. Every thread that Kafka needs lives in here.

`client` says how each kind of client is configured, `errors` what its errors mean to us; `appender`, `reader`, `scanner`,
`admin` and `table` are the five uses that Kanal has for Kafka.
"""
