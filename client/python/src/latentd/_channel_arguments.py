"""How channels are made, for both clients."""

CHANNEL_ARGUMENTS = [
    ("grpc.max_receive_message_length", -1),
    # A connection is taken up about as often as calls are tried.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5000),
]
