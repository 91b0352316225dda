#include "tools/option_table.h"

#include <algorithm>
#include <array>

namespace rebuild_projection {

namespace {

constexpr std::string_view what = "What to rebuild", range = "Range", safety = "Safety", where = "Where",
                           concurrency = "Concurrency and batches", output = "Output";
constexpr bool anywhere = true, command_line_only = false;

constexpr std::array options{
    OptionSpec{"projection", "NAME[,NAME...]", what, "projections to rebuild, or all; may be repeated", anywhere, true},
    OptionSpec{"mode", "DRY_RUN|APPLY|VERIFY", what,
               "DRY_RUN: check everything, read and count the events, write nothing;\n"
               "APPLY: rebuild the tables; VERIFY: compare the tables with the events,\n"
               "write nothing",
               command_line_only},
    OptionSpec{"strategy", "in-place|shadow", what,
               "in-place: write into the live table, batch by batch; shadow: into a\n"
               "private table, then make the live one equal to it, in one transaction\n"
               "(default in-place)"},
    OptionSpec{"list", "", what, "list the projections and end; needs no database", command_line_only},
    OptionSpec{"status", "", what,
               "show how far the projections are built, how far behind the store\n"
               "that is, and which rebuilds are running, and end",
               command_line_only},
    OptionSpec{"check", "", what,
               "make the checks of a rebuild with these options and end;\n"
               "--mode is not needed, --projection is all by default",
               command_line_only},
    OptionSpec{"explain-row", "KEY", what,
               "list the events that touch one row, what each did to it, and whether the\n"
               "live row is as they say, and end; KEY is a value, or column=value,...",
               command_line_only},
    OptionSpec{"undo-publish", "", what, "put the rows back that were kept by --keep-previous, and end",
               command_line_only},
    OptionSpec{"list-stores", "", what, "list the presets of --store and end; needs no database", command_line_only},
    OptionSpec{"show-store", "NAME", what, "print a preset's file, as a start for one's own, and end",
               command_line_only},
    OptionSpec{"init", "TABLE", what,
               "print a projection file to start from, made from the table\n"
               "and the store's events, and end",
               command_line_only},

    OptionSpec{"from-ts", "T", range, "events with ts >= T (ISO 8601; without a zone: UTC)"},
    OptionSpec{"from-event-id", "ID", range,
               "events after this one in position order; with --from-ts the later bound holds"},
    OptionSpec{"from-position", "P", range,
               "events after this position, the values of the store's order columns with\n"
               "commas between them, as the summary prints them; works for every store"},
    OptionSpec{"scope", "all|touched", range,
               "with --from-ts, --from-event-id or --from-position; touched: rebuild exactly the rows that\n"
               "events from there on touch, each from its own beginning (default all)",
               command_line_only},
    OptionSpec{"to-ts", "T", range, "events with ts < T"},
    OptionSpec{"to-position", "P", range,
               "VERIFY, --explain-row: events up to this position, the values of the store's\n"
               "order columns with commas between them, as the summary prints them"},
    OptionSpec{"live-position", "SQL", range,
               "VERIFY, --explain-row, --strategy shadow: events up to where the live projector is,\n"
               "as this query says: one row, the values of the store's order columns"},
    OptionSpec{"max-events", "N", range, "stop after N events; 0 is no limit (default 0)"},

    OptionSpec{"clear", "auto|always|never", safety,
               "empty the tables before APPLY; auto: only when the replay starts\n"
               "at the oldest event (default auto)",
               command_line_only},
    OptionSpec{"truncate", "", safety, "empty them with TRUNCATE: faster, but concurrent readers may see empty tables",
               command_line_only},
    OptionSpec{"on-error", "stop|skip", safety,
               "an event that cannot be applied: end the run, or leave it out\n"
               "and record it (default stop)"},
    OptionSpec{"resume", "", safety, "go on after the checkpoints; a projection without one starts over",
               command_line_only},
    OptionSpec{"discard", "", safety, "--strategy shadow: drop the shadow that an earlier run left, and start over",
               command_line_only},
    OptionSpec{"keep-previous", "", safety, "--strategy shadow: keep the rows that publishing replaces"},
    OptionSpec{"fence", "auto|off", safety,
               "auto: first wait for transactions that may still commit an earlier event;\n"
               "off: their events may be missed (default auto)"},
    OptionSpec{"fence-timeout", "S", safety, "seconds to wait for them; then the run is refused (default 60)"},
    OptionSpec{"lock-timeout", "S", safety,
               "seconds to wait for another rebuild of the same tables; then the run\n"
               "is refused (default 10)"},
    OptionSpec{"peer-timeout", "S", safety,
               "seconds after which a server that is not heard of is taken for dead (default 30)"},
    OptionSpec{"retries", "N", safety,
               "tries again after a lost connection, a deadlock and the like,\n"
               "for each batch; 0 is none (default 20)"},
    OptionSpec{"retry-max-seconds", "S", safety, "time after which no further try is begun (default 120)"},
    OptionSpec{"publish-lock-timeout", "S", safety,
               "--strategy shadow: seconds that a try to publish keeps writers out\n"
               "while it waits for others (default 2)"},

    OptionSpec{"projections", "DIR", where,
               "folder of projection files (default ./projections); shipped: the examples of this program"},
    OptionSpec{"store", "NAME|FILE", where,
               "preset or file that describes the event store (default event_store);\n"
               "the order of sequent and cqrs-es holds within a stream only"},
    OptionSpec{"dsn", "S", where, "target database, as libpq reads it (default: PGHOST, PGDATABASE, ...)"},
    OptionSpec{"source-dsn", "S", where, "database that holds the event store (default: as --dsn)"},
    OptionSpec{"meta-schema", "NAME", where, "schema of checkpoints and dead letters (default rebuild_projection)"},
    OptionSpec{"config", "FILE", where, "read options from a file (option = value, TOML or INI)"},

    OptionSpec{"batch-size", "N", concurrency,
               "events per transaction (default 200; in VERIFY, in a shadow and with\n"
               "--scope touched all)"},
    OptionSpec{"tokens", "N", concurrency, "pages of events in flight (default: from the machine)"},
    OptionSpec{"readers", "N", concurrency, "connections that read the store"},
    OptionSpec{"payload", "auto|whole|slim", concurrency,
               "what the store's server sends of payloads: whole documents, or only the members that projections read"},
    OptionSpec{"workers", "N", concurrency, "CPU threads (default: from the machine)"},
    OptionSpec{"max-memory", "MIB", concurrency,
               "bound on pages and change sets together, MiB; what is more\n"
               "goes to temporary files in $TMPDIR, else /var/tmp\n"
               "(default 512, or half of a smaller container)"},

    OptionSpec{"progress", "auto|bar|log|none", output, "auto: a bar on a terminal, else log lines (default auto)"},
    OptionSpec{"log-level", "LEVEL", output, "trace, debug, info, warn or error (default info)"},
    OptionSpec{"log-format", "text|json", output, "json: one object a line (default text)"},
    OptionSpec{"summary", "FILE", output, "write the summary as JSON too"},
    OptionSpec{"drift-limit", "N", output,
               "VERIFY: rows of each projection that are shown where they are not\n"
               "as the events say (default 10)"},
    OptionSpec{"drift-file", "FILE", output, "VERIFY: all such rows, as a JSON object a line"},
    OptionSpec{"show-values", "", output, "allow values of rows and payloads in messages"},
    OptionSpec{"version", "", output, "print the version and end", command_line_only},
    OptionSpec{"help", "", output, "print this and end", command_line_only},
};

constexpr std::string_view footer =
    R"(Options come from the command line, else from REBUILD_... variables (REBUILD_BATCH_SIZE for
--batch-size, REBUILD_PROJECTIONS_DIR for --projections), else from the config file.
--mode, --scope, --clear, --truncate, --resume and --discard come from the command line only.

Exit codes: 0 success, 1 refused before anything was read or cleared, 2 failed or events were
skipped, 3 cancelled by a signal, 4 VERIFY found drift. SIGINT, SIGTERM or SIGHUP stops after the batch being
committed, a second one cancels that batch, a third ends the program at once.

Examples:
  # Dry run: which events would be replayed, no writes
  rebuild_projection --projection candidate_summary --mode DRY_RUN

  # Rebuild a single projection
  rebuild_projection --projection candidate_summary --mode APPLY

  # Rebuild all projections from a given time
  rebuild_projection --projection all --mode APPLY --from-ts "2025-02-01T00:00:00Z"

  # Rebuild from a specific event (the events after it)
  rebuild_projection --projection lead_summary --mode APPLY --from-event-id "550e8400-e29b-41d4-a716-446655440000"

  # Cap the number of events (kill switch, tests)
  rebuild_projection --projection all --mode APPLY --max-events 1000)";

}  // namespace

std::span<const OptionSpec> option_table() {
  return options;
}

const OptionSpec* find_option(std::string_view name) {
  const auto* found = std::find_if(options.begin(), options.end(), [&](const OptionSpec& o) { return o.name == name; });
  return found == options.end() ? nullptr : found;
}

std::string environment_name(std::string_view option) {
  // REBUILD_PROJECTIONS would be one letter away from REBUILD_PROJECTION, and mean something else.
  if (option == "projections") return "REBUILD_PROJECTIONS_DIR";
  std::string name = "REBUILD_";
  for (char c : option) name += c == '-' ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 'a' + 'A') : c;
  return name;
}

std::string_view help_footer() {
  return footer;
}

}  // namespace rebuild_projection
