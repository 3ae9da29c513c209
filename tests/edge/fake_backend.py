"""A gRPC server that does what a test wants, where latentd cannot be brought to: odd streams, headers to look at."""

import concurrent.futures

import grpc

import api

SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}


class FakeBackend(grpc.GenericRpcHandler):
    """Answers a method (of ImageGeneration, or named with its service) by its `answer`, a function of the call's context
    that yields messages as JSON."""

    def __init__(self, **answers):
        self.calls = []  # (path, metadata) of those whose request came whole
        methods = {name if "." in name else f"ImageGeneration.{name}": answer for name, answer in answers.items()}
        self._answers = {api.METHODS[name].path: answer for name, answer in methods.items()}
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[self],
                                   options=[("grpc.max_receive_message_length", -1)])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def service(self, details):
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(lambda request, context: SERVING)
        answer = self._answers.get(details.method)
        if answer is None:
            return None  # UNIMPLEMENTED
        response = api.METHODS[details.method.removeprefix("/latentd.v1.").replace("/", ".")].response

        def stream(request, context):
            self.calls.append((details.method, dict(details.invocation_metadata)))
            for message in answer(context):
                yield api.from_dict(response, message).SerializeToString()

        return grpc.unary_stream_rpc_method_handler(stream)

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()
