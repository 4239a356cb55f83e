"""PostgreSQL: its own server, and what is measured on it."""

import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import time

import psycopg

import events
import measure
from folder import bytes_on_disk, folder, start

BATCH = 1_000
# What differs from the defaults; the first two are defaults and stand here because everything hangs on them.
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "256MB", "listen_addresses": ""}

TABLES = """
CREATE TABLE mark (task int, device int, cell smallint, at int, PRIMARY KEY (task, device, cell));
CREATE TABLE second (task int, at int, cell smallint, count bigint NOT NULL, PRIMARY KEY (task, at, cell));
"""
STAGING = "CREATE TEMP TABLE incoming (n serial, task int, device int, cell smallint, at int) ON COMMIT DELETE ROWS"
COPY = "COPY incoming (task, device, cell, at) FROM STDIN"
# Everybody takes rows in the same order, so that several writers never wait for each other in a circle.
MERGE = """
WITH fresh AS (
    INSERT INTO mark SELECT task, device, cell, at FROM incoming ORDER BY task, device, cell, n
    ON CONFLICT DO NOTHING RETURNING task, cell, at)
INSERT INTO second SELECT task, at, cell, count(*) FROM fresh GROUP BY task, at, cell ORDER BY task, at, cell
ON CONFLICT (task, at, cell) DO UPDATE SET count = second.count + excluded.count
"""
# One event, by the law of `events.make`; pgbench has no memory, so what repeats is what chance repeats.
UPSERT = f"""
\\set task random_zipfian(1, {events.TASKS}, 1.001)
\\set device random(0, {events.DEVICES - 1})
\\set cell :device % {events.CHANNELS} * 4 + random(0, {events.STAGES - 1})
WITH fresh AS (
    INSERT INTO mark VALUES (:task, :device, :cell, extract(epoch FROM now())::int)
    ON CONFLICT DO NOTHING RETURNING task, cell, at)
INSERT INTO second SELECT task, at, cell, 1 FROM fresh
ON CONFLICT (task, at, cell) DO UPDATE SET count = second.count + 1;
"""
ASK = """
SELECT task, cell, sum(count) FROM second WHERE task = ANY(%s) AND at >= %s AND at < %s GROUP BY task, cell
"""


class Server:
    """A server of its own in a fresh folder, reached through a socket there."""

    def __init__(self, path):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [os.path.dirname(shutil.which("postgres") or "")]
        self.programs, self.path, self.data = pathlib.Path(found[-1]), path, path / "data"
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            shutil.chown(path, self.user, self.user)
        self.run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", self.data)
        self.start()

    def command(self, program, *arguments):
        return [str(self.programs / program), *map(str, arguments)]

    def options(self):
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if self.user else {}

    def run(self, program, *arguments):
        command = self.command(program, *arguments)
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", **self.options()).stdout

    def start(self):
        """Starts it; answers the seconds until it answers a query."""
        settings = {**SETTINGS, "unix_socket_directories": self.path}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = open(self.path / "log", "a")
        began = time.perf_counter()
        command = self.command("postgres", "-D", self.data, *arguments)
        self.process = start(command, stdout=log, stderr=log, cwd="/", **self.options())
        while True:
            try:
                with self.connect() as connection:
                    connection.execute("SELECT 1")
                return time.perf_counter() - began
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    raise SystemExit(f"postgres did not start:\n{(self.path / 'log').read_text()[-2000:]}")
                time.sleep(0.005)

    def connect(self):
        return psycopg.connect(host=str(self.path), user="postgres", dbname="postgres", autocommit=True)

    def crash(self):
        """Ends it as a crash does: nothing is flushed, nothing is told."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        # Its children notice by themselves; a start before that is refused.
        while any(self.is_working_here(process) for process in glob.glob("/proc/[0-9]*")):
            time.sleep(0.01)

    def is_working_here(self, process):
        with contextlib.suppress(OSError):
            return os.readlink(f"{process}/cwd") == str(self.data)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def version(self):
        return "PostgreSQL " + self.run("postgres", "--version").split()[2]


class Running:
    """`with Running(parent) as server`."""

    def __init__(self, parent):
        self.folder = folder(parent, "postgres")

    def __enter__(self):
        self.server = Server(self.folder.__enter__())
        return self.server

    def __exit__(self, *error):
        self.server.stop()
        return self.folder.__exit__(*error)


def merge(parent, given, writers):
    """COPY and merge, a transaction a batch; then bytes on disk and recovery from a crash."""
    with Running(parent) as server:
        with server.connect() as connection:
            connection.execute(TABLES)
        batches = ["".join("%d\t%d\t%d\t%d\n" % row for row in batch).encode() for batch in given.batches(BATCH)]
        waiting, latencies = iter(batches), []

        def write():
            with server.connect() as connection:
                connection.execute(STAGING)
                # Taking the next one is safe: iterators of lists hold the interpreter's lock.
                for batch in waiting:
                    began = time.perf_counter()
                    with connection.transaction(), connection.cursor() as cursor:
                        with cursor.copy(COPY) as copy:
                            copy.write(batch)
                        cursor.execute(MERGE)
                    latencies.append(time.perf_counter() - began)

        began = time.perf_counter()
        measure.in_threads([write] * writers)
        elapsed = time.perf_counter() - began
        what = f"COPY and merge, {writers} writer{'s' * (writers > 1)}"
        figures = f"{len(given) / elapsed:,.0f} events/s, commit {measure.latencies_text(latencies)}"
        measure.report(server.version(), what, figures)
        compare(server, given.distinct)
        with server.connect() as connection:
            sizes = connection.execute("SELECT pg_total_relation_size('mark') + pg_total_relation_size('second')")
            tables = sizes.fetchone()[0]
        log = bytes_on_disk(server.data / "pg_wal")
        figures = f"{tables / len(given):.1f} bytes an event in tables, {log / len(given):.1f} in the log"
        measure.report(server.version(), "on disk", figures)
        server.crash()
        measure.report(server.version(), "start after a crash", f"{server.start():.2f} s")
        compare(server, given.distinct)


def compare(server, distinct=None):
    """Every mark is counted, and there are as many as there must be, where that is known."""
    with server.connect() as connection:
        marks = connection.execute("SELECT count(*) FROM mark").fetchone()[0]
        counted = connection.execute("SELECT coalesce(sum(count), 0)::bigint FROM second").fetchone()[0]
    if counted != marks or marks != (distinct or marks):
        raise SystemExit(f"PostgreSQL counts {marks} marks and {counted} events, not {distinct or marks}")


def upsert(parent, seconds, connections):
    """One transaction an event, through pgbench."""
    with Running(parent) as server:
        with server.connect() as connection:
            connection.execute(TABLES)
        script = server.path / "upsert.sql"
        script.write_text(UPSERT)
        told = server.run(
            "pgbench", "--host", server.path, "--username", "postgres", "--no-vacuum", "--protocol", "prepared",
            "--client", connections, "--jobs", 2, "--time", seconds, "--file", script, "postgres",
        )  # fmt: skip
        compare(server)
        rate = next(line.split()[2] for line in told.splitlines() if line.startswith("tps"))
        latency = next(line.split()[3] for line in told.splitlines() if line.startswith("latency average"))
        what = f"an upsert an event, {connections} connections"
        measure.report(server.version(), what, f"{float(rate):,.0f} events/s, on average {latency} ms")


def query(parent, counts, seconds, connections):
    """Five tasks over 30 days from a table of seconds."""
    with Running(parent) as server:
        with server.connect() as connection:
            connection.execute(TABLES)
            with connection.cursor() as cursor, cursor.copy("COPY second (task, cell, at, count) FROM STDIN") as copy:
                copy.write("".join("%d\t%d\t%d\t%d\n" % (*key, count) for key, count in counts.items()).encode())
            connection.execute("VACUUM ANALYZE second")
            connection.execute("CHECKPOINT")

        def ask(seed):
            with server.connect() as connection:

                def one(question):
                    return connection.execute(ASK, question, prepare=True).fetchall()

                questions = events.questions(seed)
                for _ in range(20):
                    one(next(questions))
                return measure.ask_for(seconds, one, questions)

        for callers in sorted({1, connections}):
            latencies = sum(measure.in_threads([lambda seed=seed: ask(seed) for seed in range(callers)]), [])
            what = f"5 tasks, 30 days, {callers} connection{'s' * (callers > 1)}"
            measure.report(server.version(), what, measure.rate_text(latencies, seconds))
