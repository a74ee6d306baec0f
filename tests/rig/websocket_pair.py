"""A WebSocket server and client in one process: text, binary, fragments, with and without compression.

usage: websocket_pair.py PORT     opens three connections
"""
import asyncio
import json
import sys

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def talk(port, compression, messages):
    headers = {"Authorization": "Bearer websocket-test-token-0123456789"}
    async with websockets.connect(f"ws://127.0.0.1:{port}/v1/stream", compression=compression, additional_headers=headers) as connection:
        for message in messages:
            await connection.send(message)
            await connection.recv()


async def main():
    port = int(sys.argv[1])
    async with websockets.serve(echo, "127.0.0.1", port):
        card = json.dumps({"type": "pay", "card": {"number": "4111111111111111"}, "password": "hunter2"})
        await talk(port, None, [card, b"\x00\x01binary", "x" * 70_000])
        await talk(port, "deflate", [card, card, "short"])
        await talk(port, None, [["part one ", "part two ", "part three"]])


asyncio.run(main())
