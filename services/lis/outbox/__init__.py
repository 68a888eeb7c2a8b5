"""The outbox: every report for the LIS, built once, durable before it is sent, sent until it is answered."""
