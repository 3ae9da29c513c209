"""How channels are made, for both clients."""

CHANNEL_ARGUMENTS = [
    ("grpc.max_receive_message_length", -1),
    # A connection is taken up about as often as calls are tried.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5000),
    # One that leads nowhere any more, and was not told so, is given up while calls wait.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
]
