"""What is measured: our own runs, the rivals, and PostgreSQL's COPY as the floor of reading; each a process of its own."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time

import store

TABLE = "candidate_summary"  # ours; a rival's table has its own name
SECOND = "recruiter_activity"
RIVALS = store.FOLDER / "rivals"


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    what: str
    events: int
    command: tuple
    prepare: tuple = ()  # statements before the run, outside of its time
    against: str = ""  # the run of ours that it is compared with, made earlier in the same round
    same: tuple = ()  # two relations that must hold the same rows after the run
    ours: bool = False


@dataclasses.dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float  # of the process
    server_cpu_seconds: float  # of the server's sessions for it
    peak_memory_kib: int
    summary: dict  # what the program says of itself; empty for others


class Contenders:
    """Knows the program, and the file that its summary goes to; makes contenders and runs them."""

    def __init__(self, program, summary):
        self.program = program
        self.summary = summary

    def ours(self, name, what, events, *options, projections=TABLE, full=False, **fields):
        command = (self.program, "--projections", str(store.FOLDER / "projections"), "--projection", projections,
                   "--mode", "APPLY", "--progress", "none", "--log-level", "warn", "--summary", self.summary, *options)
        prepare = () if full else (f"truncate {TABLE}, {SECOND}",)
        return Contender(name, what, events, command, prepare, ours=True, **fields)

    def whole_rebuild(self, name, what, events, *options, memory=2048, **fields):
        # A batch has one event at least, also where the store has none.
        return self.ours(name, what, events, "--batch-size", str(max(events, 1)), "--max-memory", str(memory), *options, **fields)

    def run(self, contender):
        """Runs it once, checks its rows, and says what it took."""
        store.execute(contender.events, *contender.prepare, "checkpoint")
        run = self._timed(contender)
        if contender.ours and run.summary["events_read"] != contender.events:
            raise store.Failure(f"{contender.name}: read {run.summary['events_read']} of {contender.events} events.")
        if contender.same:
            theirs, ours = contender.same
            only_theirs, only_ours = store.differences(contender.events, theirs, ours)
            if only_theirs or only_ours:
                raise store.Failure(f"{contender.name}: its rows differ from {contender.against or 'what SQL computes'}, so its time does not "
                              f"count: {only_theirs} rows are only its own, {only_ours} are missing.")
        return run

    def _timed(self, contender):
        clock = store.ServerClock(contender.events)
        server_before = clock.seconds()
        environment = {**os.environ, "PGDATABASE": store.database(contender.events)}
        with tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(contender.command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=errors)
            # It says how much memory the process had at its peak; but never less than this one had when it started it, some 30 MiB.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                errors.seek(0)
                sys.stderr.write(errors.read().decode(errors="replace"))
                raise store.Failure(f"{contender.name}: ended with {process.returncode}: {' '.join(contender.command)}")
        summary = {}
        if contender.ours:
            with open(self.summary, encoding="utf-8") as file:
                summary = json.load(file)
            os.unlink(self.summary)
        return Run(seconds, usage.ru_utime + usage.ru_stime, clock.seconds() - server_before, usage.ru_maxrss, summary)

    def knows(self, option, events):
        """Whether the program takes this option, and not only to refuse it."""
        command = [self.program, "--projections", str(store.FOLDER / "projections"), "--projection", TABLE, "--mode", "DRY_RUN",
                   *option]
        return subprocess.run(command, env={**os.environ, "PGDATABASE": store.database(events)}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0


def sql(name, what, events):
    # A copy of our table but for its rows, or nothing where the rival makes the table itself.
    prepare = [f"drop table if exists {name}"]
    if name != "sql_unlogged_parallel":
        prepare.append(f"create table {name} (like {TABLE} including all)")
    return Contender(name, what, events, ("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-f", str(RIVALS / f"{name}.sql")),
                     tuple(prepare), against="rebuild", same=(name, TABLE))


def python(name, what, events, batch, against):
    return Contender(name, what, events, (sys.executable, str(RIVALS / "statement_per_event.py"), name, str(batch)),
                     (f"drop table if exists {name}", f"create table {name} (like {TABLE} including all)"),
                     against=against, same=(name, TABLE))


def copy(name, what, events, form):
    columns = "select event_id, ts, event_type, aggregate_id, payload from event_store"
    return Contender(name, what, events, ("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-c", f"copy ({columns}) to stdout{form}"),
                     against="rebuild")
