"""chDB, which is ClickHouse inside this process: the statistics query from a table of seconds."""

import chdb
import events
import measure
from chdb.session import Session
from folder import folder

TABLE = """
CREATE TABLE peers.second (task UInt32, at UInt32, cell UInt8, count UInt64)
ENGINE = SummingMergeTree ORDER BY (task, at, cell)
"""


def query(parent, counts, seconds):
    """One caller: it answers one query at a time, with as many threads as it likes."""
    with folder(parent, "chdb") as path:
        rows = path / "rows.tsv"
        with open(rows, "w") as file:
            file.writelines("%d\t%d\t%d\t%d\n" % (task, at, cell, count) for (task, cell, at), count in counts.items())
        session = Session(str(path / "data"))
        session.query("CREATE DATABASE peers")
        session.query(TABLE)
        session.query(f"INSERT INTO peers.second SELECT * FROM file('{rows}', TSV)")
        session.query("OPTIMIZE TABLE peers.second FINAL")
        held = int(session.query("SELECT sum(count) FROM peers.second", "TSV").data())
        if held != sum(counts.values()):
            raise SystemExit(f"chDB counts {held} events, not {sum(counts.values())}")

        def one(question):
            tasks, start, end = question
            where = f"task IN ({','.join(map(str, tasks))}) AND at >= {start} AND at < {end}"
            sql = f"SELECT task, cell, sum(count) FROM peers.second WHERE {where} GROUP BY task, cell"
            return session.query(sql, "TSV").data()

        questions = events.questions(0)
        for _ in range(20):
            one(next(questions))
        latencies = measure.ask_for(seconds, one, questions)
        what = "5 tasks, 30 days, 1 caller"
        measure.report(f"chDB {chdb.__version__}", what, measure.rate_text(latencies, seconds))
        session.close()
