"""Closed loops, percentiles, and one line a figure."""

import threading
import time


def percentile(sorted_values, share):
    return sorted_values[int((len(sorted_values) - 1) * share)]


def report(peer, what, figures):
    print(f"{peer:<17} {what:<40} {figures}", flush=True)


def in_threads(workers):
    """Runs all of them at once; answers their results, or raises the first error."""
    results, errors = [None] * len(workers), []

    def run(n, work):
        try:
            results[n] = work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def ask_for(seconds, ask, questions):
    """Asks one question after another; answers the latencies in seconds."""
    latencies = []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        ask(next(questions))
        latencies.append(time.perf_counter() - began)
    return latencies


def latencies_text(latencies):
    latencies = sorted(latencies)
    p50, p99 = (percentile(latencies, share) * 1e3 for share in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def rate_text(latencies, elapsed):
    return f"{len(latencies) / elapsed:,.0f} /s, {latencies_text(latencies)}"
