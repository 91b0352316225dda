"""Which contenders meet, on which store, and which sweeps are plotted."""

import dataclasses

import contenders as made
import store

BATCHES = (50, 200, 1000, 10_000, 100_000, 1_000_000)
TOKENS = (1, 2, 4, 8, 16, 32)
READERS = (1, 2, 3, 4)


@dataclasses.dataclass(frozen=True)
class Point:
    series: str
    x: int
    contender: made.Contender


@dataclasses.dataclass(frozen=True)
class Sweep:
    name: str
    title: str
    x_label: str
    points: tuple
    occupancy: bool = False  # plotted too: how busy each stage was


class Plan:
    """groups: lists of contenders that take turns, ours first; sweeps: their points take turns too."""

    def __init__(self, maker, events, only):
        small = min(200_000, max(12, events // 10))
        groups = [whole_store(maker, events), batches(maker, small), [
            maker.whole_rebuild("empty_store", "a run that finds no events", 0)]]
        sweeps = [batch_sizes(maker, small), tokens(maker, small), readers(maker, events), sizes(maker, events)]
        known = {c.name for group in groups for c in group} | {s.name for s in sweeps}
        unknown = sorted(set(only) - known)
        if unknown:
            raise store.Failure(f"--only: nothing is called {', '.join(unknown)}; tools/bench --list shows the names.")
        self.everything = [(c.name, c.what) for group in groups for c in group] + [(s.name, s.title) for s in sweeps]
        self.groups = [with_ours(group, only) for group in groups]
        self.sweeps = [sweep for sweep in sweeps if not only or sweep.name in only]

    def stores(self):
        of_sweeps = {point.contender.events for sweep in self.sweeps for point in sweep.points}
        return sorted({contender.events for group in self.groups for contender in group} | of_sweeps)

    def needs(self, knows):
        """Leaves out what the program does not offer; knows(option, events) tells."""
        def offered(contender):
            at = [i for i, word in enumerate(contender.command) if word in ("--readers", "--payload")]
            return all(knows(contender.command[i:i + 2], contender.events) for i in at)
        self.groups = [[contender for contender in group if offered(contender)] for group in self.groups]
        kept = [dataclasses.replace(s, points=tuple(p for p in s.points if offered(p.contender))) for s in self.sweeps]
        self.sweeps = [sweep for sweep in kept if len({point.x for point in sweep.points}) > 1]


def with_ours(group, only):
    """What was asked for, and the runs that it is compared with."""
    asked = [c for c in group if not only or c.name in only]
    wanted = {c.name for c in asked} | {c.against for c in asked}
    return [c for c in group if c.name in wanted]


def whole_store(maker, events):
    return [
        maker.whole_rebuild("rebuild", "ours, one batch, into an empty table", events),
        maker.whole_rebuild("rebuild_full_table", "the same over the rows of the run before, cleared within its time", events,
                            "--truncate", full=True, against="rebuild"),
        maker.whole_rebuild("shadow", "ours in a shadow, published into an equal table", events, "--strategy", "shadow", full=True,
                            against="rebuild"),
        maker.whole_rebuild("rebuild_256_mib", "the same with --max-memory 256", events, memory=256, against="rebuild"),
        *(maker.whole_rebuild(f"rebuild_{how}", f"the same with --payload {how}", events, "--payload", how, against="rebuild")
          for how in ("whole", "slim")),
        maker.whole_rebuild("two_projections", "ours, two projections in one pass", events,
                            projections=f"{made.TABLE},{made.SECOND}", against="rebuild",
                            same=(made.SECOND, f"({(made.RIVALS / 'recruiter_activity.sql').read_text()}) as computed")),
        made.sql("sql_obvious", "SQL: ordered arrays in one GROUP BY", events),
        made.sql("sql_distinct_on", "SQL: DISTINCT ON, joined", events),
        made.sql("sql_max_array", "SQL: greatest of arrays, no sort", events),
        made.sql("sql_unlogged_parallel", "SQL: DISTINCT ON in parallel into a new table without a log", events),
        made.copy("copy_text", "floor: COPY of the same rows to nowhere", events, ""),
        made.copy("copy_binary", "floor: the same in binary", events, " (format binary)"),
    ]


def batches(maker, events):
    return [
        maker.ours("batch_200", "ours, a transaction per 200 events", events, "--batch-size", "200"),
        made.python("python_200", "Python, a statement per event, a transaction per 200", events, 200, "batch_200"),
        maker.ours("batch_10000", "ours, a transaction per 10,000 events", events, "--batch-size", "10000"),
        made.python("python_1000", "Python, a statement per event, a transaction per 1,000", events, 1000, "batch_10000"),
    ]


def batch_sizes(maker, events):
    sizes_ = sorted({min(size, events) for size in BATCHES})
    return Sweep("batch_size", "Throughput over batch size", "events in a transaction", tuple(
        Point("ours", size, maker.ours(f"batch_size_{size}", "", events, "--batch-size", str(size), "--max-memory", "2048"))
        for size in sizes_), occupancy=True)


def tokens(maker, events):
    return Sweep("tokens", "Throughput over tokens, batches of 1,000", "pages of events in flight (--tokens)", tuple(
        Point("ours", n, maker.ours(f"tokens_{n}", "", events, "--batch-size", "1000", "--tokens", str(n))) for n in TOKENS))


def readers(maker, events):
    return Sweep("readers", "Throughput over readers, one batch", "cursors that read at once (--readers)", tuple(
        Point("ours", n, maker.whole_rebuild(f"readers_{n}", "", events, "--readers", str(n))) for n in READERS))


def sizes(maker, events):
    points = []
    for count in sorted({max(12, events // part) for part in (100, 10, 3, 1)}):
        points.append(Point("ours", count, maker.whole_rebuild("rebuild", "", count)))
        points += [Point(name, count, made.sql(name, "", count)) for name in ("sql_obvious", "sql_unlogged_parallel")]
    return Sweep("events", "Throughput over the number of events, one batch", "events in the store", tuple(points))
