"""A gRPC server and client in one process: unary, streaming in each direction, errors, a stream left open at the end.

usage: grpc_pair.py PORT     makes nine calls
"""
import sys
import threading
import time
from concurrent import futures

import grpc

PLAIN = lambda data: data


class Shop(grpc.GenericRpcHandler):
    """Methods by name, on raw messages."""

    def service(self, call):
        method = call.method.rsplit("/", 1)[-1]
        if method == "Get":
            return grpc.unary_unary_rpc_method_handler(lambda request, _: b"order " + request, PLAIN, PLAIN)
        if method == "List":
            return grpc.unary_stream_rpc_method_handler(lambda request, _: (b"item %d" % n for n in range(5)), PLAIN, PLAIN)
        if method == "Upload":
            return grpc.stream_unary_rpc_method_handler(lambda requests, _: b"%d" % sum(len(r) for r in requests), PLAIN, PLAIN)
        if method == "Chat":
            return grpc.stream_stream_rpc_method_handler(lambda requests, _: (b"echo " + r for r in requests), PLAIN, PLAIN)
        if method == "Fail":
            def fail(_, context):
                context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours")
            return grpc.unary_unary_rpc_method_handler(fail, PLAIN, PLAIN)
        if method == "Watch":
            def watch(_, context):
                yield b"first"
                while context.is_active():
                    time.sleep(0.1)
            return grpc.unary_stream_rpc_method_handler(watch, PLAIN, PLAIN)
        return None


def main():
    port = int(sys.argv[1])
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=[Shop()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    metadata = [("authorization", "Bearer grpc-test-token-0123456789abcdef")]
    name = "/shop.v1.Orders/"
    call = channel.unary_unary(name + "Get", PLAIN, PLAIN)
    assert call(b"17", metadata=metadata) == b"order 17"
    assert call(b"x" * 70_000, metadata=metadata, compression=grpc.Compression.Gzip)
    assert call(b"18", metadata=metadata) == b"order 18"
    assert len(list(channel.unary_stream(name + "List", PLAIN, PLAIN)(b"all", metadata=metadata))) == 5
    assert channel.stream_unary(name + "Upload", PLAIN, PLAIN)(iter([b"a" * 1000] * 7), metadata=metadata) == b"7000"
    assert len(list(channel.stream_stream(name + "Chat", PLAIN, PLAIN)(iter([b"a", b"b", b"c"]), metadata=metadata))) == 3
    for method in ("Fail", "Unknown"):
        try:
            channel.unary_unary(name + method, PLAIN, PLAIN)(b"1", metadata=metadata)
            raise AssertionError(method)
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
    # Left open: the recording ends before it does.
    watch = channel.unary_stream(name + "Watch", PLAIN, PLAIN)(b"1", metadata=metadata)
    assert next(iter(watch)) == b"first"
    time.sleep(0.5)
    threading.Timer(4, lambda: (watch.cancel(), server.stop(0))).start()


if __name__ == "__main__":
    if len(sys.argv) == 2:
        import os
        child = os.fork()
        if child == 0:
            main()
            time.sleep(5)
            os._exit(0)
        time.sleep(3.5)
