"""Runs what bench/plan.py names, in turns, and writes the table, results.json and the plots. Started by tools/bench."""

import argparse
import dataclasses
import datetime
import json
import pathlib
import shutil
import statistics
import subprocess
import sys

import contenders
import plan as planned
import plots
import store


def options():
    parser = argparse.ArgumentParser(prog="tools/bench", add_help=False, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--events", type=from_twelve)
    parser.add_argument("--repeat", type=from_one, default=3)
    parser.add_argument("--only", type=lambda names: names.split(","), default=[])
    parser.add_argument("--output", type=pathlib.Path, default=store.FOLDER.parent / "build" / "bench")
    parser.add_argument("--build", type=pathlib.Path, default=store.FOLDER.parent / "build")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args()
    chosen.events = chosen.events or (200_000 if chosen.quick else 2_000_000)
    return chosen


def from_one(value):
    return from_least(value, 1)


def from_twelve(value):
    return from_least(value, 12)


def from_least(value, least):
    if not value.replace("_", "").isdecimal() or int(value) < least:
        raise argparse.ArgumentTypeError(f"'{value}' is no number from {least}")
    return int(value)


def say(message):
    print(message, file=sys.stderr, flush=True)


def in_turns(title, members, repeat, run):
    """A B C, A B C, ...: what slows the machine for a while slows them all. Each one's runs, in the members' order."""
    runs = [[] for _ in members]
    for turn in range(repeat):
        for contender, own in zip(members, runs):
            own.append(run(contender))
            say(f"{title}, round {turn + 1} of {repeat}: {contender.name} on {contender.events:,} events: {own[-1].seconds:.3f} s")
    return runs


def result(contender, runs, earlier):
    """Figures of one contender; earlier: name → runs of those before it in the same turns."""
    seconds = [run.seconds for run in runs]
    median = statistics.median(seconds)
    # Of each round on its own: its two runs were made one soon after the other.
    ratios = [run.seconds / ours.seconds for run, ours in zip(runs, earlier[contender.against])] if contender.against else []
    earlier[contender.name] = runs
    return {
        "name": contender.name, "what": contender.what, "events": contender.events, "median_seconds": median,
        "min_seconds": min(seconds), "max_seconds": max(seconds), "events_per_second": contender.events / median,
        "against": contender.against or None, "times_as_long": statistics.median(ratios) if ratios else None,
        "cpu_seconds": statistics.median(run.cpu_seconds for run in runs),
        "server_cpu_seconds": statistics.median(run.server_cpu_seconds for run in runs),
        "peak_memory_kib": max(run.peak_memory_kib for run in runs) if contender.ours else None,
        "runs": [dataclasses.asdict(run) for run in runs],
    }


def table(results):
    rows = [("name", "events", "seconds", "min", "max", "events/s", "times as long as", "CPU s", "server CPU s", "peak MiB")]
    for r in results:
        rows.append((r["name"], f"{r['events']:,}", f"{r['median_seconds']:.3f}", f"{r['min_seconds']:.3f}",
                     f"{r['max_seconds']:.3f}", f"{r['events_per_second']:,.0f}" if r["events"] else "",
                     f"{r['times_as_long']:.2f} {r['against']}" if r["against"] else "",
                     f"{r['cpu_seconds']:.2f}", f"{r['server_cpu_seconds']:.2f}",
                     f"{r['peak_memory_kib'] / 1024:.0f}" if r["peak_memory_kib"] else ""))
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(cell.ljust(width) if i in (0, 6) else cell.rjust(width)
                                       for i, (cell, width) in enumerate(zip(row, widths))) + " |" for row in rows)


def plot(sweep, results):
    """The sweep's plots: name → SVG."""
    series, busy = {}, {}
    for point, measured in zip(sweep.points, results):
        series.setdefault(point.series, []).append((point.x, measured["events_per_second"]))
        if sweep.occupancy:
            for i, stage in enumerate(measured["runs"][0]["summary"]["stages"]):
                share = statistics.median(run["summary"]["stages"][i]["occupancy"] for run in measured["runs"])
                busy.setdefault(stage["name"], []).append((point.x, 100 * share))
    drawn = {f"throughput_by_{sweep.name}": plots.lines(sweep.title, sweep.x_label, "events a second", series)}
    if busy:
        drawn[f"occupancy_by_{sweep.name}"] = plots.lines("How busy each stage is", sweep.x_label, "percent of its threads' time", busy,
                                                            linear=True)
    return drawn


def measure(chosen, plan, maker):
    for events in plan.stores():
        say(f"making a store of {events:,} events")
        store.create(events)
    plan.needs(maker.knows)
    results, sweeps = [], []
    for group in plan.groups:
        earlier = {}
        runs = in_turns("table", group, chosen.repeat, maker.run)
        results += [result(contender, own, earlier) for contender, own in zip(group, runs)]
    for sweep in plan.sweeps:
        members = [point.contender for point in sweep.points]
        runs = in_turns(sweep.name, members, 1 if chosen.quick else chosen.repeat, maker.run)
        earlier = {}
        sweeps.append((sweep, [result(contender, own, earlier) for contender, own in zip(members, runs)]))
    return results, sweeps


def revision():
    """The commit that is measured, as git names it. None where there is no git, or where the sources come from an archive,
    which may lie in another repository."""
    checkout = store.FOLDER.parent
    if shutil.which("git") is None or not (checkout / ".git").exists():
        return None
    return subprocess.run(["git", "-C", str(checkout), "describe", "--always", "--dirty"], capture_output=True, text=True,
                          check=False).stdout.strip() or None


def main():
    chosen = options()
    program = (chosen.build / "rebuild_projection").resolve()
    maker = contenders.Contenders(str(program), str(chosen.output.resolve() / "summary.json"))
    plan = planned.Plan(maker, chosen.events, chosen.only)
    if chosen.list:
        for name, what in plan.everything:
            print(f"{name:22} {what}")
        return
    if not program.is_file():
        raise store.Failure(f"--build: there is no program {program}; tools/build makes it.")
    chosen.output.mkdir(parents=True, exist_ok=True)
    results, sweeps = measure(chosen, plan, maker)
    version = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
    everything = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "program": version,
        "revision": revision(), "repeat": chosen.repeat, **store.facts(max(plan.stores())), "results": results,
        "sweeps": {sweep.name: points for sweep, points in sweeps},
    }
    (chosen.output / "results.json").write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    for sweep, points in sweeps:
        for name, svg in plot(sweep, points).items():
            (chosen.output / f"{name}.svg").write_text(svg, encoding="utf-8")
    if results:
        print(table(results))
    say(f"all runs and plots: {chosen.output}")


if __name__ == "__main__":
    try:
        main()
    except store.Failure as failure:
        sys.exit(f"tools/bench: {failure}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"tools/bench: {error.cmd[0]} ended with {error.returncode}.")
    except OSError as error:
        sys.exit(f"tools/bench: {error.filename or ''}: {error.strerror}.")
    except KeyboardInterrupt:
        sys.exit(130)
