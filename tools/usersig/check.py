"""Signs with the public packages, asks a server with what they made and with what was spoilt, and compares the codes.

    check.py PUSHTALLY NODE_MODULES
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zlib

from TLSSigAPIv2 import TLSSigAPIv2

APP = 1400000000
KEY = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
OTHER_APP, OTHER_KEY = 1400000001, "another-key"
ADMINISTRATOR = "administrator"

CONFIG = f"""
[storage]
url = "local:data"
[listen]
public = "127.0.0.1:0"
operator = "127.0.0.1:0"
[log]
format = "json"

[[app]]
sdkappid = {APP}
key = "{KEY}"
quotas = {{ all_member_push_statistics = 0 }}

[[app]]
sdkappid = {OTHER_APP}
key = "{OTHER_KEY}"
"""

BY_NPM = """
const { Api } = require(process.argv[1] + '/tls-sig-api-v2');
const [app, key, account, seconds] = process.argv.slice(2);
process.stdout.write(new Api(Number(app), key).genSig(account, Number(seconds)));
"""


def by_pypi(account=ADMINISTRATOR, seconds=86400, app=APP, key=KEY):
    return TLSSigAPIv2(app, key).gen_sig(account, seconds)


def by_npm(modules, account=ADMINISTRATOR, seconds=86400, app=APP, key=KEY):
    call = ["node", "-e", BY_NPM, modules, str(app), key, account, str(seconds)]
    return subprocess.run(call, check=True, capture_output=True, text=True).stdout


def packed(content):
    text = base64.b64encode(zlib.compress(content)).decode()
    return text.translate(str.maketrans("+/=", "*-_"))


def unpacked(sig):
    return zlib.decompress(base64.b64decode(sig.translate(str.maketrans("*-_", "+/="))))


def forged(sig, field, value):
    """The same with a field replaced and the signature left as it was."""
    document = json.loads(unpacked(sig))
    document[field] = value
    return packed(json.dumps(document).encode())


def flipped(sig):
    """One byte of the signature inside is another one."""
    inner = json.loads(unpacked(sig))["TLS.sig"]
    return forged(sig, "TLS.sig", ("B" if inner[0] == "A" else "A") + inner[1:])


def ask(server, sig, app=APP):
    query = {"sdkappid": app, "identifier": ADMINISTRATOR, "usersig": sig, "random": 1, "contenttype": "json"}
    url = f"http://{server}/v4/timpush/all_member_push_statistics?{urllib.parse.urlencode(query)}"
    now = int(time.time())
    body = json.dumps({"TaskIds": ["a task"], "StartTime": now - 60, "EndTime": now}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body)) as answer:
            return json.load(answer)["ErrorCode"]
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"


def main():
    binary, modules = map(os.path.abspath, sys.argv[1:3])
    old = by_pypi(seconds=1)
    time.sleep(2.1)  # A validity is counted in whole seconds.
    cases = [
        ("made by the PyPI package", by_pypi(), 0),
        ("made by the npm package", by_npm(modules), 0),
        ("with a byte of the signature flipped", flipped(by_pypi()), 70009),
        ("with its validity made longer", forged(by_pypi(), "TLS.expire", 8640000), 70009),
        ("of the key of another app", by_pypi(key=OTHER_KEY), 70009),
        ("expired", old, 70001),
        ("of another app", by_pypi(app=OTHER_APP, key=OTHER_KEY), 70014),
        ("of another account", by_npm(modules, account="somebody"), 70013),
        ("of somebody else's, signed well", by_pypi(account="administrator2"), 70013),
        ("cut in the middle", by_pypi()[:60], 70003),
        ("no base64", "!" * 100, 70003),
        ("32 MiB of zeros, packed", packed(bytes(32 << 20)), 70003),
        ("empty", "", 60025),
        ("1 MiB long", "A" * (1 << 20), 70003),
    ]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/pushtally.toml", "w") as config:
            config.write(CONFIG)
        log = open(f"{folder}/log", "w+")
        server = subprocess.Popen([binary, "serve"], cwd=folder, stderr=log)
        try:
            return compare(address(server, f"{folder}/log"), cases)
        finally:
            server.terminate()
            server.wait()


def address(server, log):
    for _ in range(600):
        found = re.search(r'"public":"([^"]+)"', open(log).read())
        if found:
            return found[1]
        if server.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(open(log).read())


def compare(server, cases):
    wrong = 0
    for what, sig, expected in cases:
        code = ask(server, sig)
        wrong += code != expected
        print(f"{what}: {code}" + ("" if code == expected else f", WRONG: {expected} expected"))
    return wrong


if __name__ == "__main__":
    sys.exit(main())
