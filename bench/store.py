"""The stores that are measured on: a database per number of events, made by bench/store.sql; and what the server says of itself."""

import os
import pathlib
import platform
import subprocess
import time

try:
    import psycopg2
except ImportError:
    psycopg2 = None

FOLDER = pathlib.Path(__file__).resolve().parent
TOOLS = FOLDER.parent / "tools"


class Failure(Exception):
    """Ends the whole run; a sentence for the person at the terminal."""


def database(events):
    return f"events_{events}"


def execute(events, *statements):
    """Runs statements in the store of so many events, each in a transaction of its own; the rows of the last one, if it has any."""
    if psycopg2 is None:
        raise Failure("Python has no psycopg2; tools/packages bench installs it.")
    connection = psycopg2.connect(dbname=database(events))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    except psycopg2.Error as error:
        raise Failure(f"database {database(events)}: {str(error).splitlines()[0]}") from error
    finally:
        connection.close()


def create(events):
    name = database(events)
    subprocess.run(["createdb", name], check=True)
    psql = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-v", f"events={events}", "-d", name, "-o", os.devnull]
    for script in (TOOLS / "event_store.sql", FOLDER / "store.sql", FOLDER / "tables.sql"):
        psql += ["-f", str(script)]
    subprocess.run(psql, check=True)
    execute(events, "vacuum analyze event_store", "checkpoint")


class ServerClock:
    """The CPU seconds of the server's sessions, which its first process learns when they end. The processes that always run (the one
    that writes pages, say) are not in it."""

    def __init__(self, events):
        folder = execute(events, "show data_directory")[0][0]
        self.pid = int(first(f"{folder}/postmaster.pid", "").split()[0])

    def seconds(self):
        """Waits until no session is left."""
        while any(self._is_session(child) for child in self._children()):
            time.sleep(0.002)
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime and cstime

    def _children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="utf-8") as file:
            return file.read().split()

    @staticmethod
    def _is_session(pid):
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                name = file.read()
        except OSError:  # it has just ended
            return False
        return " [local] " in name or "parallel worker" in name or not name


def differences(events, left, right):
    """How many rows only the left and only the right relation has, duplicates counted."""
    count = "select count(*) from (select * from {} except all select * from {}) as missing"
    return tuple(execute(events, count.format(*pair))[0][0] for pair in ((left, right), (right, left)))


def facts(events):
    """Server, its settings and the machine, for the results."""
    settings = dict(execute(events, """
        select name, current_setting(name) from pg_settings
        where source = 'configuration file' and name not like '%director%' and name <> 'port'
        union select 'shared_buffers', current_setting('shared_buffers') order by 1"""))
    version, size, payload = execute(events, """
        select current_setting('server_version'), pg_size_pretty(pg_total_relation_size('event_store')),
               (select round(avg(length(payload::text)), 1)::float from event_store)""")[0]
    return {
        "postgresql": version,
        "settings": settings,
        "store": {"events": events, "size": size, "payload_bytes_average": payload},
        "machine": {
            "system": first("/etc/os-release", "PRETTY_NAME=").strip('"'),
            "kernel": platform.release(),
            "processor": first("/proc/cpuinfo", "model name").lstrip("\t: "),
            "processors": len(os.sched_getaffinity(0)),
            "memory_mib": int(first("/proc/meminfo", "MemTotal:").split()[0]) // 1024,
        },
        "python": platform.python_version(),
        "psycopg2": psycopg2.__version__.split()[0],
    }


def first(path, prefix):
    """What follows the prefix in the first line of a file that begins with it."""
    with open(path, encoding="utf-8") as lines:
        return next((line[len(prefix):].strip() for line in lines if line.startswith(prefix)), "unknown")
