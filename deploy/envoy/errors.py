"""Answers that Envoy makes itself, in the shape of the server's: google.rpc.Status with ErrorInfo."""

# Status of HTTP → google.rpc.Code, and the reason in ErrorInfo.
ERRORS = {
    400: (3, "INVALID_ARGUMENT"),
    404: (5, "NOT_FOUND"),
    405: (12, "UNIMPLEMENTED"),
    408: (4, "REQUEST_TOO_SLOW"),
    413: (8, "REQUEST_TOO_LARGE"),
    415: (3, "UNSUPPORTED_MEDIA_TYPE"),
    431: (8, "HEADERS_TOO_LARGE"),
    500: (13, "INTERNAL"),
    502: (14, "UNAVAILABLE"),
    503: (14, "UNAVAILABLE"),
    504: (4, "DEADLINE_EXCEEDED"),
}

# For gRPC's callers the text stays a text. What the transcoder made of JSON looks like gRPC, but has its old path.
FOR_JSON = {"or_filter": {"filters": [
    {"header_filter": {"header": {"name": "content-type", "string_match": {"prefix": "application/grpc"},
                                  "invert_match": True, "treat_missing_header_as_empty": True}}},
    {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
]}}


def is_status(status):
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": "unused"}}}}


def as_json(status, code, reason):
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "latentd"}
    return {
        "filter": {"and_filter": {"filters": [is_status(status), FOR_JSON]}},
        "body_format_override": {"json_format": {"code": code, "message": "%LOCAL_REPLY_BODY%", "details": [info]}},
    }


# For gRPC Envoy says UNKNOWN, the server RESOURCE_EXHAUSTED.
GRPC_TOO_LARGE = {"filter": is_status(413), "headers_to_add": [{"header": {"key": "grpc-status", "value": "8"}}]}

MAPPERS = [*(as_json(status, *meaning) for status, meaning in ERRORS.items()), GRPC_TOO_LARGE]
