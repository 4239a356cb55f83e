#!/usr/bin/env python3
"""A phone in one file: registers, connects, shows pushes, acknowledges them. Python 3, standard library only.

    python3 phone.py http://127.0.0.1:8080 1400000000 CLIENT_KEY
    python3 phone.py http://127.0.0.1:8080 1400000000 --registration-id ID --secret SECRET     # registered before
    python3 phone.py ... --click          # also reports a tap on every push
    python3 phone.py ... --background     # says that the app is not in front

The protocol is docs/DEVICE-PROTOCOL.md. A real client also keeps `registration_id` and `secret` between starts, and shows
a push whose id it has shown before only once, also after a restart.
"""

import argparse
import base64
import hashlib
import json
import os
import random
import secrets
import socket
import ssl
import struct
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def post(url, body, secret=None):
    """POSTs JSON; answers the JSON that comes back."""
    headers = {"content-type": "application/json"}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        sys.exit(f"refused: {refused.code} {refused.read().decode()}")


def register(server, app, client_key, account=None, usersig=None):
    """Registers a phone. The secret is made here, so that a lost answer does no harm: the same call can be repeated."""
    body = {"client_key": client_key, "secret": secrets.token_hex(16), "model": "phone.py", "system": sys.platform}
    if account:
        body |= {"account": account, "usersig": usersig}
    answer = post(f"{server}/v1/devices?sdkappid={app}", body)
    return answer["registration_id"], body["secret"]


class Closed(Exception):
    """The socket is closed: `code` says why."""

    def __init__(self, code, reason=""):
        super().__init__(f"{code} {reason}")
        self.code = code


class WebSocket:
    """The client's side of RFC 6455, as far as this protocol needs it: whole text frames, pings, closing."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        # The server pings every 60 seconds. Three times that without a byte is a dead connection.
        self.socket = socket.create_connection((parts.hostname, port), timeout=180)
        if secure:
            self.socket = ssl.create_default_context().wrap_socket(self.socket, server_hostname=parts.hostname)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        self.reader = self.socket.makefile("rb")
        status = self.reader.readline().decode().strip()
        headers = {}
        while (line := self.reader.readline().decode().strip()):
            name, value = line.split(":", 1)
            headers[name.lower()] = value.strip()
        if " 101 " not in f"{status} ":
            raise Closed(0, status)
        magic = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        if headers.get("sec-websocket-accept") != base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode():
            raise Closed(0, "not a WebSocket")

    def send(self, payload, opcode=1):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def say(self, frame):
        self.send(json.dumps(frame).encode())

    def read(self, size):
        data = self.reader.read(size)
        if len(data) < size:
            raise Closed(1006, "the connection is gone")
        return data

    def hear(self):
        """The next frame. Answers pings on the way."""
        while True:
            first, size = self.read(2)
            if size == 126:
                (size,) = struct.unpack("!H", self.read(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", self.read(8))
            payload = self.read(size)
            opcode = first & 0x0F
            if opcode == 1:
                return json.loads(payload)
            if opcode == 9:
                self.send(payload, 10)
            if opcode == 8:
                code = struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1005
                self.send(payload[:2], 8)
                raise Closed(code, payload[2:].decode())

    def close(self):
        self.reader.close()
        self.socket.close()


class Phone:
    def __init__(self, options, registration_id, secret):
        self.options = options
        self.hello = {
            "type": "hello", "version": 1, "sdkappid": options.app,
            "registration_id": registration_id, "secret": secret, "foreground": not options.background,
        }  # fmt: skip
        self.seq = 0
        self.waiting = {}  # reports that are not answered yet, by seq, and when they were made: sent again after a reconnect
        self.shown = set()  # also what was revoked before it came
        self.revoked = set()

    def report(self, ws, reports):
        self.seq += 1
        self.waiting[self.seq] = (time.monotonic(), reports)
        self.again(ws, self.seq)

    def again(self, ws, seq):
        # An age is how long ago something happened, never the time of day: while a report waits, it grows.
        since, reports = self.waiting[seq]
        age = int((time.monotonic() - since) * 1000)
        ws.say({"type": "report", "seq": seq, "reports": [report | {"age": age} for report in reports]})

    def show(self, ws, push):
        # The same push may come again: it is shown once, but acknowledged each time.
        reports = [{"id": push["id"], "stage": "delivered"}]
        if push["id"] not in self.shown:
            self.shown.add(push["id"])
            print(f"push {push['id']}: {push['title']} | {push['desc']} | {push['ext']}", flush=True)
            if self.options.click:
                reports.append({"id": push["id"], "stage": "clicked"})
        self.report(ws, reports)

    def take_back(self, revocation):
        # It may come again, and of a push that has not come to this phone: that one is not shown when it comes.
        if revocation["id"] in self.shown and revocation["id"] not in self.revoked:
            instead = revocation.get("instead")
            shows = f"{instead['title']} | {instead['desc']} | {instead['ext']}" if instead else "nothing"
            print(f"revoked {revocation['id']}: shows {shows} instead", flush=True)
        self.shown.add(revocation["id"])
        self.revoked.add(revocation["id"])

    def converse(self, ws):
        ws.say(self.hello)
        while True:
            frame = ws.hear()
            kind = frame["type"]
            if kind == "welcome":
                print("connected", flush=True)
                for seq in self.waiting:
                    self.again(ws, seq)
            elif kind == "push":
                self.show(ws, frame)
            elif kind == "revoke":
                self.take_back(frame)
            elif kind == "recorded":
                self.waiting.pop(frame["seq"], None)
                if frame["unknown"]:
                    print(f"no tasks of this app: {frame['unknown']}", flush=True)
            elif kind == "busy":
                # A real client goes on reading meanwhile.
                time.sleep(frame["retry"] / 1000)
                if frame["seq"] in self.waiting:
                    self.again(ws, frame["seq"])
            # Other frames are of a later version, or not for us.

    def run(self):
        wait_s = 1.0
        while True:
            started = time.monotonic()
            ws = None
            try:
                ws = WebSocket(f"{self.options.server}/v1/online")
                self.converse(ws)
            except Closed as closed:
                print(f"closed: {closed}", flush=True)
                if closed.code in (4400, 4401, 4406, 4409, 4410, 4413):
                    return  # trying again would change nothing
            except OSError as error:
                print(f"not connected: {error}", flush=True)
            finally:
                if ws:
                    ws.close()
            if time.monotonic() - started > 60:
                wait_s = 1.0
            # At random, so that a million phones do not come back in the same second.
            time.sleep(random.uniform(1, 1 + wait_s))
            wait_s = min(wait_s * 2, 60)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="such as http://127.0.0.1:8080")
    parser.add_argument("app", type=int, help="the SDKAppID")
    parser.add_argument("client_key", nargs="?", help="the app's client key")
    parser.add_argument("--registration-id")
    parser.add_argument("--secret")
    parser.add_argument("--account")
    parser.add_argument("--usersig")
    parser.add_argument("--click", action="store_true")
    parser.add_argument("--background", action="store_true")
    options = parser.parse_args()
    options.server = options.server.rstrip("/")
    if options.registration_id:
        registration_id, secret = options.registration_id, options.secret
    else:
        registration_id, secret = register(
            options.server, options.app, options.client_key, options.account, options.usersig
        )
        print(f"registered: --registration-id {registration_id} --secret {secret}", flush=True)
    try:
        Phone(options, registration_id, secret).run()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
