"""The events that every peer counts: the law of the ledger benchmark's `zipf` shape.

1,000 tasks by Zipf's law, a million devices at random, four stages, 5 % repeats of a recent event.
Numbers only, as the ledger gets them: names are no part of what is compared here.
"""

import pathlib
import pickle
import random
from array import array
from dataclasses import dataclass

TASKS = 1_000
DEVICES = 1_000_000
STAGES = 4
CHANNELS = 8
REPEATS = 0.05
RECENT = 4096
START_S = 1_700_000_000
SPAN_S = 30 * 86_400


@dataclass
class Events:
    """Four columns. `cell` is stage and channel in one, as in the ledger."""

    task: array
    device: array
    cell: array
    at: array
    # How many of (task, device, cell) there are: what every peer must count.
    distinct: int = 0

    def __len__(self):
        return len(self.task)

    def rows(self, start, end):
        return zip(self.task[start:end], self.device[start:end], self.cell[start:end], self.at[start:end])

    def batches(self, size):
        """Consecutive pieces as lists of rows; the last one may be shorter."""
        for start in range(0, len(self), size):
            yield list(self.rows(start, start + size))


def make(count, seconds=None, seed=7):
    """Events in the order of their time: 1,000 a second, or spread evenly over so many seconds."""
    dice = random.Random(seed)
    weights, total = [], 0.0
    for rank in range(1, TASKS + 1):
        total += 1 / rank
        weights.append(total)
    tasks = array("I", dice.choices(range(TASKS), cum_weights=weights, k=count))
    devices = array("I", dice.choices(range(DEVICES), k=count))
    cells = array("B", ((device % CHANNELS) << 2 | dice.getrandbits(2) for device in devices))
    if seconds is None:
        times = array("I", (START_S + n // 1_000 for n in range(count)))
    else:
        times = array("I", (START_S + n * seconds // count for n in range(count)))
    for n in range(RECENT, count):
        if dice.random() < REPEATS:
            again = n - 1 - dice.randrange(RECENT)
            tasks[n], devices[n], cells[n], times[n] = tasks[again], devices[again], cells[again], times[again]
    keys = ((task * DEVICES + device) * 64 + cell for task, device, cell in zip(tasks, devices, cells))
    return Events(tasks, devices, cells, times, len(set(keys)))


def prepared(file, count, seconds=None):
    """The same, kept in a file, so that making them costs no time of a measurement's run."""
    path = pathlib.Path(f"{file}-{count}-{seconds or 'now'}")
    if not path.exists():
        path.write_bytes(pickle.dumps(make(count, seconds)))
    return pickle.loads(path.read_bytes())


def seconds_of(events):
    """The distinct events, counted: {(task, cell, second): count}. A key counts at its first event's time."""
    seen, counts = set(), {}
    for task, device, cell, at in events.rows(0, len(events)):
        key = (task * DEVICES + device) * 64 + cell
        if key not in seen:
            seen.add(key)
            counts[task, cell, at] = counts.get((task, cell, at), 0) + 1
    return counts


def questions(seed):
    """Without end: five tasks and a window of about 30 days, as `pushtally-load query` asks them."""
    dice = random.Random(seed)
    while True:
        first = dice.randrange(TASKS)
        tasks = [(first + n * (TASKS // 5)) % TASKS for n in range(5)]
        start = START_S + dice.randrange(86_400)
        yield tasks, start, start + SPAN_S - dice.randrange(86_400)
