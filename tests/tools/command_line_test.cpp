// Without this file a mistyped option could start a rebuild, or be refused with words that help nobody.
#include "tools/command_line.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace rebuild_projection {
namespace {

using testing::Test;

class CommandLineTest : public Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "command_line_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    std::filesystem::create_directories(directory_ / "work");
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(directory_ / "work");
  }
  void TearDown() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(directory_);
  }

  std::variant<CommandLine, EarlyExit> parse_words(std::vector<std::string> words) {
    std::vector<const char*> arguments{"rebuild_projection"};
    for (const std::string& word : words) arguments.push_back(word.c_str());
    arguments.push_back(nullptr);
    const Environment environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
    return parse(static_cast<int>(arguments.size()) - 1, arguments.data(), environment);
  }

  /// With the two options that are always needed.
  CommandLine accepted(std::vector<std::string> words) {
    words.insert(words.begin(), {"--projection", "a", "--mode", "DRY_RUN"});
    return accepted_as_is(std::move(words));
  }
  CommandLine accepted_as_is(std::vector<std::string> words) {
    auto parsed = parse_words(std::move(words));
    if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
      ADD_FAILURE() << early->text;
      return {};
    }
    return std::get<CommandLine>(std::move(parsed));
  }

  /// The text on stderr; the exit code must be 1.
  std::string refused(std::vector<std::string> words) {
    words.insert(words.begin(), {"--projection", "a", "--mode", "DRY_RUN"});
    return refused_as_is(std::move(words));
  }
  std::string refused_as_is(std::vector<std::string> words) {
    const auto parsed = parse_words(std::move(words));
    const auto* early = std::get_if<EarlyExit>(&parsed);
    if (early == nullptr) {
      ADD_FAILURE() << "was accepted";
      return {};
    }
    EXPECT_EQ(early->exit_code, 1);
    return early->text;
  }
  static std::string sentence(const std::string& text) {
    return "rebuild_projection: " + text + "\nSee rebuild_projection --help.\n";
  }

  std::string config(const std::string& text) {
    const auto path = directory_ / "work" / "rebuild.toml";
    std::ofstream(path) << text;
    return "rebuild.toml";
  }

  std::filesystem::path directory_, before_;
  std::map<std::string, std::string> environment_;
};

TEST_F(CommandLineTest, HasTheDocumentedDefaults) {
  const CommandLine line = accepted({});
  const Options& options = line.options;
  EXPECT_EQ(options.projections, std::vector<std::string>{"a"});
  EXPECT_EQ(options.mode, Mode::dry_run);
  EXPECT_EQ(options.on_error, OnError::stop);
  EXPECT_EQ(options.batch_events, 200U);
  EXPECT_EQ(options.max_events, 0U);
  EXPECT_EQ(options.tokens, 0U);
  EXPECT_EQ(options.workers, 0U);
  EXPECT_EQ(options.readers, 0U);
  EXPECT_EQ(options.payload, Payload::automatic);
  EXPECT_EQ(options.memory_bytes_max, 0U);  // from the machine
  EXPECT_EQ(options.projections_dir, "");
  EXPECT_FALSE(options.examples);
  EXPECT_EQ(options.store, "event_store");
  EXPECT_EQ(options.dsn, "");
  EXPECT_EQ(options.source_dsn, "");
  EXPECT_EQ(options.meta_schema, "rebuild_projection");
  EXPECT_EQ(options.from_ts, std::nullopt);
  EXPECT_EQ(options.to_ts, std::nullopt);
  EXPECT_EQ(options.from_event_id, std::nullopt);
  EXPECT_EQ(options.clear, Clear::automatic);
  EXPECT_FALSE(options.truncate);
  EXPECT_FALSE(options.show_values);
  EXPECT_EQ(line.task, CommandLine::Task::rebuild);
  EXPECT_EQ(line.progress, ProgressKind::automatic);
  EXPECT_EQ(line.log_level, LogLevel::info);
  EXPECT_EQ(line.log_format, LogFormat::text);
  EXPECT_TRUE(line.summary_file.empty());
  EXPECT_TRUE(line.notes.empty());
}

TEST_F(CommandLineTest, TakesEveryOption) {
  const CommandLine line = accepted_as_is({"--projection",
                                           "a,b",
                                           "--projection=c",
                                           "--mode",
                                           "apply",
                                           "--strategy",
                                           "in-place",
                                           "--from-ts",
                                           "2025-02-01T00:00:00Z",
                                           "--from-event-id",
                                           "550e8400-e29b-41d4-a716-446655440000",
                                           "--to-ts",
                                           "2025-03-01T00:00:00Z",
                                           "--max-events",
                                           "1000",
                                           "--clear",
                                           "always",
                                           "--truncate",
                                           "--on-error",
                                           "skip",
                                           "--projections",
                                           "p",
                                           "--store",
                                           "marten",
                                           "--dsn",
                                           "host=a",
                                           "--source-dsn",
                                           "host=b",
                                           "--meta-schema",
                                           "m",
                                           "--batch-size",
                                           "7",
                                           "--tokens",
                                           "3",
                                           "--readers",
                                           "4",
                                           "--payload",
                                           "slim",
                                           "--workers",
                                           "2",
                                           "--max-memory",
                                           "64",
                                           "--progress",
                                           "log",
                                           "--log-level",
                                           "debug",
                                           "--log-format",
                                           "json",
                                           "--summary",
                                           "s.json",
                                           "--show-values"});
  const Options& options = line.options;
  EXPECT_EQ(options.projections, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(options.mode, Mode::apply);
  EXPECT_EQ(options.from_ts, "2025-02-01 00:00:00+00");
  EXPECT_EQ(options.to_ts, "2025-03-01 00:00:00+00");
  EXPECT_EQ(options.from_event_id, "550e8400-e29b-41d4-a716-446655440000");
  EXPECT_EQ(options.max_events, 1000U);
  EXPECT_EQ(options.clear, Clear::always);
  EXPECT_TRUE(options.truncate);
  EXPECT_EQ(options.on_error, OnError::skip);
  EXPECT_EQ(options.projections_dir, "p");
  EXPECT_FALSE(line.options.examples);
  EXPECT_EQ(options.store, "marten");
  EXPECT_EQ(options.dsn, "host=a");
  EXPECT_EQ(options.source_dsn, "host=b");
  EXPECT_EQ(options.meta_schema, "m");
  EXPECT_EQ(options.batch_events, 7U);
  EXPECT_EQ(options.tokens, 3U);
  EXPECT_EQ(options.readers, 4U);
  EXPECT_EQ(options.payload, Payload::slim);
  EXPECT_EQ(options.workers, 2U);
  EXPECT_EQ(options.memory_bytes_max, 67'108'864U);
  EXPECT_TRUE(options.show_values);
  EXPECT_EQ(line.progress, ProgressKind::log);
  EXPECT_EQ(line.log_level, LogLevel::debug);
  EXPECT_EQ(line.log_format, LogFormat::json);
  EXPECT_EQ(line.summary_file, "s.json");
}

TEST_F(CommandLineTest, TakesModesInAnyCase) {
  for (const char* mode : {"DRY_RUN", "dry_run", "Dry_Run"})
    EXPECT_EQ(accepted_as_is({"--projection", "a", "--mode", mode}).options.mode, Mode::dry_run);
  EXPECT_EQ(accepted_as_is({"--projection", "a", "--mode", "Apply"}).options.mode, Mode::apply);
}

TEST_F(CommandLineTest, NamesWhatIsMissingAllAtOnce) {
  EXPECT_EQ(
      refused_as_is({}),
      "rebuild_projection: --projection is missing: name one projection or more, or all; --list shows them.\n"
      "rebuild_projection: --mode is missing: say --mode DRY_RUN (count, write nothing), --mode APPLY (rebuild) or "
      "--mode VERIFY (compare, write nothing).\n"
      "See rebuild_projection --help.\n");
}

TEST_F(CommandLineTest, SaysWhatAnOptionAccepts) {
  EXPECT_EQ(refused_as_is({"--projection", "a", "--mode", "REBUILD"}),
            sentence("--mode must be DRY_RUN, APPLY or VERIFY, not \"REBUILD\"."));
  EXPECT_EQ(refused({"--clear", "yes"}), sentence("--clear must be auto, always or never, not \"yes\"."));
  EXPECT_EQ(refused({"--on-error", "ignore"}), sentence("--on-error must be stop or skip, not \"ignore\"."));
  EXPECT_EQ(refused({"--max-memory", "15"}),
            sentence("--max-memory must be a whole number from 16 to 16,777,216, not \"15\"."));
  EXPECT_EQ(refused({"--projection", "b,,c"}), sentence("--projection has an empty name."));
  EXPECT_EQ(refused({"--summary=", "--truncate"}), sentence("--summary needs a value, and --truncate follows it."));
  EXPECT_EQ(refused({"--summary", ""}), sentence("--summary is empty."));
}

TEST_F(CommandLineTest, TakesWholeNumbersInRangeOnly) {
  for (const char* bad :
       {"0", "-1", "1.5", "1e3", "+5", " 5", "5 ", "0x10", "1099511627777", "18446744073709551616", "many"})
    EXPECT_EQ(
        refused({"--batch-size", bad}),
        sentence("--batch-size must be a whole number from 1 to 1,099,511,627,776, not \"" + std::string(bad) + "\"."));
  EXPECT_EQ(accepted({"--batch-size", "1099511627776"}).options.batch_events, 1'099'511'627'776U);
  for (const char* option : {"--tokens", "--workers"}) {
    for (const char* bad : {"0", "1025"})
      EXPECT_EQ(refused({option, bad}),
                sentence(std::string(option) + " must be a whole number from 1 to 1,024, not \"" + bad + "\"."));
    EXPECT_TRUE(
        std::holds_alternative<CommandLine>(parse_words({"--projection", "a", "--mode", "APPLY", option, "1024"})));
  }
}

TEST_F(CommandLineTest, TakesWhatIsForAShadow) {
  const CommandLine line = accepted_as_is({"--projection", "a", "--mode", "APPLY", "--strategy", "shadow", "--discard",
                                           "--keep-previous", "--live-position", "SELECT 1"});
  EXPECT_EQ(line.options.strategy, Strategy::shadow);
  EXPECT_TRUE(line.options.discard && line.options.keep_previous);
  EXPECT_EQ(line.options.live_position, "SELECT 1");
  EXPECT_GT(line.options.batch_events, 1'000'000U);
  EXPECT_EQ(accepted_as_is({"--projection", "a", "--undo-publish"}).task, CommandLine::Task::undo);
}

TEST_F(CommandLineTest, RefusesWhatContradictsAShadow) {
  const auto shadow = [this](std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "a", "--mode", "APPLY", "--strategy", "shadow"});
    return refused_as_is(more);
  };
  EXPECT_EQ(shadow({"--from-ts", "2025-01-01T00:00:00Z"}),
            sentence("--from-ts contradicts --strategy shadow, which publishes the rows of all events; use --strategy "
                     "in-place."));
  EXPECT_EQ(shadow({"--truncate"}), sentence("--truncate contradicts --strategy shadow, which replaces the rows that "
                                             "differ and no others; leave one of them out."));
  EXPECT_EQ(shadow({"--discard", "--resume"}),
            sentence("--discard contradicts --resume: one drops the shadow, the other goes on with it."));
  EXPECT_EQ(refused({"--discard"}),
            sentence("--discard is for --strategy shadow: it drops what earlier runs left there."));
  EXPECT_EQ(refused({"--keep-previous"}),
            sentence("--keep-previous is for --strategy shadow: it keeps what publishing replaces."));
}

TEST_F(CommandLineTest, TakesWhatIsForVerify) {
  CommandLine line = accepted_as_is({"--projection", "a", "--mode", "verify", "--drift-limit", "0", "--drift-file", "d",
                                     "--to-position", "2025-01-01 00:00:00+00, \"a,b\""});
  EXPECT_EQ(line.options.mode, Mode::verify);
  EXPECT_EQ(line.options.drift_limit, 0U);
  EXPECT_EQ(line.drift_file, "d");
  EXPECT_EQ(line.options.to_position, (Position{"2025-01-01 00:00:00+00", "a,b"}));
  EXPECT_EQ(line.options.batch_events, std::uint64_t{1} << 40);
  line = accepted_as_is({"--projection", "a", "--mode", "VERIFY", "--batch-size", "7", "--live-position", "SELECT 1"});
  EXPECT_EQ(line.options.batch_events, 7U);
  EXPECT_EQ(line.options.live_position, "SELECT 1");
  EXPECT_EQ(line.options.drift_limit, 10U);
  const auto verify = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--projection", "a", "--mode", "VERIFY"});
    return refused_as_is(more);
  };
  for (const char* option : {"--from-ts", "--from-event-id", "--from-position", "--clear", "--max-events"}) {
    const std::string value = option == std::string("--clear")     ? "auto"
                              : option == std::string("--from-ts") ? "2025-01-01Z"
                                                                   : "1";
    EXPECT_TRUE(verify({option, value}).find(std::string(option) + " contradicts --mode VERIFY") != std::string::npos)
        << option;
  }
  EXPECT_EQ(
      verify({"--to-position", "1", "--live-position", "SELECT 1"}),
      sentence("--to-position contradicts --live-position: each says where the events end; leave one of them out."));
  EXPECT_EQ(
      verify({"--to-position", "a=1"}),
      sentence("--to-position must be the values of the store's order columns with commas between them; what holds "
               "a comma or = stands in double quotes."));
  EXPECT_EQ(refused({"--live-position", "SELECT 1"}),
            sentence("--live-position is for --mode VERIFY and --strategy shadow."));
}

TEST_F(CommandLineTest, TakesAPositionToBeginAfter) {
  EXPECT_EQ(accepted({"--from-position", "12, \"a,b\""}).options.from_position, (Position{"12", "a,b"}));
  EXPECT_FALSE(accepted({"--from-position", "12"}).options.from_beginning());
  EXPECT_EQ(refused({"--from-position", "1", "--from-event-id", "7"}),
            sentence("--from-event-id contradicts --from-position: each says after what the events begin; leave one of "
                     "them out."));
  EXPECT_EQ(refused({"--from-position", "1", "--resume"}),
            sentence("--resume contradicts --from-position: it begins after the checkpoint; leave one of them out."));
  EXPECT_EQ(refused({"--from-position", "1,"}),
            sentence("--from-position must be the values of the store's order columns with commas between them; what "
                     "holds a comma or = stands in double quotes."));
}

TEST_F(CommandLineTest, TakesWhatNeedsNoDatabaseAlone) {
  EXPECT_EQ(accepted_as_is({"--list-stores"}).task, CommandLine::Task::list_stores);
  const CommandLine line = accepted_as_is({"--show-store", "emmett"});
  EXPECT_EQ(line.task, CommandLine::Task::show_store);
  EXPECT_EQ(line.shown_store, "emmett");
  EXPECT_FALSE(line.options.examples);
  EXPECT_EQ(refused_as_is({"--list-stores", "--show-store", "emmett"}),
            sentence("--list-stores and --show-store cannot stand together."));
}

TEST_F(CommandLineTest, TakesTheKeyOfARow) {
  const CommandLine line = accepted_as_is({"--projection", "a", "--explain-row", "id=1, \"sh,op\"=\"x=y\""});
  EXPECT_EQ(line.task, CommandLine::Task::explain);
  ASSERT_EQ(line.row_key.size(), 2U);
  EXPECT_EQ(line.row_key[0].column, "id");
  EXPECT_EQ(line.row_key[1].column, "sh,op");
  EXPECT_EQ(line.row_key[1].value, "x=y");
  EXPECT_EQ(refused_as_is({"--projection", "a", "--explain-row", "a,"}),
            sentence("--explain-row must be a value, or column=value with commas between them; what holds a comma or = "
                     "stands in double quotes."));
  EXPECT_EQ(refused_as_is({"--projection", "a", "--explain-row", "1", "--mode", "APPLY"}),
            sentence("--explain-row and --mode cannot stand together."));
}

TEST_F(CommandLineTest, TakesIso8601TimesOnly) {
  const std::map<std::string, std::string> good{{"2025-02-01T00:00:00Z", "2025-02-01 00:00:00+00"},
                                                {"2025-02-01T05:30:00+05:30", "2025-02-01 00:00:00+00"},
                                                {"2025-02-01 00:00:00.25-01", "2025-02-01 01:00:00.25+00"},
                                                {"2025-02-01T10:15Z", "2025-02-01 10:15:00+00"}};
  for (const auto& [text, utc] : good) {
    const CommandLine line = accepted({"--from-ts", text});
    EXPECT_EQ(line.options.from_ts, utc) << text;
    EXPECT_TRUE(line.notes.empty()) << text;
  }
  for (const char* bad :
       {"yesterday", "infinity", "2025-02-30T00:00:00Z", "2025-13-01", "2025-02", "01.02.2025", "2025-02-01T00:00:00Q",
        "2025-02-01T24:61:00Z", "0044-03-15 00:00:00 BC", "2025-02-01T", "1738368000"})
    EXPECT_EQ(
        refused({"--from-ts", bad}),
        sentence("--from-ts must be a time in ISO 8601, as 2025-02-01T00:00:00Z or 2025-02-01 00:00+05:30, not \"" +
                 std::string(bad) + "\"."));
}

TEST_F(CommandLineTest, TakesATimeWithoutZoneAsUtcAndSaysSo) {
  const CommandLine line = accepted({"--from-ts", "2025-02-01 12:00", "--to-ts", "2025-02-02"});
  EXPECT_EQ(line.options.from_ts, "2025-02-01 12:00:00+00");
  EXPECT_EQ(line.options.to_ts, "2025-02-02 00:00:00+00");
  EXPECT_EQ(line.notes,
            (std::vector<std::string>{"--from-ts has no time zone and is taken as UTC: 2025-02-01 12:00:00+00",
                                      "--to-ts has no time zone and is taken as UTC: 2025-02-02 00:00:00+00"}));
}

TEST_F(CommandLineTest, RefusesContradictions) {
  EXPECT_EQ(refused({"--truncate", "--clear", "never"}),
            sentence("--truncate contradicts --clear never: it says how to clear; leave one of them out."));
  EXPECT_EQ(refused({"--from-ts", "2025-02-01T00:00:00Z", "--to-ts", "2025-02-01T00:00:00Z"}),
            sentence("--from-ts must be before --to-ts: the range between them is empty."));
  EXPECT_EQ(refused({"--mode", "APPLY"}), sentence("--mode is given more than once."));
}

TEST_F(CommandLineTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(refused({"--batchsize=5"}), sentence("\"--batchsize\" is not an option of this program."));
  EXPECT_EQ(refused({"b"}),
            sentence("\"b\" is not expected: every value follows its option, as in --projection NAME."));
  EXPECT_EQ(refused({"--mode"}), sentence("--mode needs a value: --mode DRY_RUN|APPLY|VERIFY."));
  EXPECT_EQ(refused({"--truncate=no"}), sentence("--truncate takes no value."));
  // An unquoted variable that is empty: "--dsn $DSN --truncate".
  EXPECT_EQ(refused({"--dsn", "--truncate"}), sentence("--dsn needs a value, and --truncate follows it."));
}

TEST_F(CommandLineTest, NeverPrintsWhatMayBeAPassword) {
  for (const char* word : {"postgres://u:secret@h/db", "host=h password=secret"})
    EXPECT_EQ(refused({word}).find("secret"), std::string::npos);
  EXPECT_EQ(refused({"--dsn", "password=secret", "--tokens", "0"}).find("secret"), std::string::npos);
  for (const std::string dsn : {"postgres://u:secret@h/db", "host=h password=secret"}) {
    const std::string text = refused({"--dsn", dsn});
    EXPECT_NE(text.find("--dsn holds a password"), std::string::npos) << text;
    EXPECT_EQ(text.find("secret"), std::string::npos) << text;
  }
  EXPECT_EQ(accepted({"--dsn", "postgres://u@h/db"}).options.dsn, "postgres://u@h/db");
}

TEST_F(CommandLineTest, EscapesControlCharactersInMessages) {
  EXPECT_EQ(refused({"--clear", "\x1b[2J"}), sentence("--clear must be auto, always or never, not \"\\x1b[2J\"."));
}

TEST_F(CommandLineTest, TakesValuesAsTheyAre) {
  // Brackets, leading dashes and spaces mean nothing.
  EXPECT_EQ(accepted({"--from-event-id", "[a,b]"}).options.from_event_id, "[a,b]");
  EXPECT_EQ(accepted({"--from-event-id", "-7"}).options.from_event_id, "-7");
  EXPECT_EQ(accepted({"--from-event-id", "a b"}).options.from_event_id, "a b");
  EXPECT_EQ(accepted({"--dsn", "host=/tmp dbname=x"}).options.dsn, "host=/tmp dbname=x");
  // One value for one --projection: the next word is not swallowed.
  EXPECT_EQ(refused({"--projection", "b", "c"}),
            sentence("\"c\" is not expected: every value follows its option, as in --projection NAME."));
}

TEST_F(CommandLineTest, TakesTheExamplesOnlyWhereTheyAreAskedFor) {
  for (const bool folder : {false, true}) {
    if (folder) std::filesystem::create_directory("shipped");
    const CommandLine line = accepted({"--projections", "shipped"});
    EXPECT_TRUE(line.options.examples);
    EXPECT_EQ(line.options.projections_dir, "");
  }
  const CommandLine line = accepted({"--projections", "./shipped"});
  EXPECT_FALSE(line.options.examples);
  EXPECT_EQ(line.options.projections_dir, "./shipped");
}

TEST_F(CommandLineTest, PrefersTheProjectionsOfTheCurrentDirectory) {
  std::filesystem::create_directory("projections");
  const CommandLine line = accepted({});
  EXPECT_EQ(line.options.projections_dir, "projections");
  EXPECT_FALSE(line.options.examples);
}

TEST_F(CommandLineTest, TakesTheEnvironmentBelowTheCommandLineAndAboveTheConfigFile) {
  environment_ = {{"REBUILD_PROJECTION", "x,y"},
                  {"REBUILD_BATCH_SIZE", "30"},
                  {"REBUILD_TOKENS", "5"},
                  {"REBUILD_PROJECTIONS_DIR", "d"},
                  {"REBUILD_SHOW_VALUES", "true"},
                  {"REBUILD_DSN", ""},
                  {"REBUILD_CONFIG", config("batch-size = 40\ntokens = 6\nworkers = 7\ndsn = \"host=a dbname=b\"\n")}};
  const CommandLine line = accepted_as_is({"--mode", "APPLY", "--batch-size", "20"});
  EXPECT_EQ(line.options.projections, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(line.options.batch_events, 20U);
  EXPECT_EQ(line.options.tokens, 5U);
  EXPECT_EQ(line.options.workers, 7U);
  EXPECT_EQ(line.options.projections_dir, "d");
  EXPECT_TRUE(line.options.show_values);
  EXPECT_EQ(line.options.dsn, "host=a dbname=b");

  environment_ = {{"REBUILD_BATCH_SIZE", "none"}};
  EXPECT_EQ(refused({}),
            sentence("REBUILD_BATCH_SIZE must be a whole number from 1 to 1,099,511,627,776, not \"none\"."));
}

TEST_F(CommandLineTest, TakesListsAndFlagsFromAConfigFile) {
  const std::string file = config(
      "# a comment\nprojection = [\"x\", \"y\"]\nfrom-ts = \"2025-02-01 00:00:00Z\"\non-error = skip\nshow-values = "
      "false\n");
  const CommandLine line = accepted_as_is({"--mode", "DRY_RUN", "--config", file});
  EXPECT_EQ(line.options.projections, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(line.options.from_ts, "2025-02-01 00:00:00+00");
  EXPECT_EQ(line.options.on_error, OnError::skip);
  EXPECT_FALSE(line.options.show_values);
}

TEST_F(CommandLineTest, RefusesAResumeFromElsewhere) {
  EXPECT_EQ(refused({"--resume", "--from-ts", "2025-02-01T00:00:00Z"}),
            sentence("--resume contradicts --from-ts: it begins after the checkpoint; leave one of them out."));
  EXPECT_EQ(refused({"--resume", "--from-event-id", "x"}),
            sentence("--resume contradicts --from-event-id: it begins after the checkpoint; leave one of them out."));
  EXPECT_EQ(refused({"--resume", "--clear", "always"}),
            sentence("--resume contradicts --clear always: it keeps the rows; leave one of them out."));
}

TEST_F(CommandLineTest, TakesFenceAndRetries) {
  const Options defaults = accepted({}).options;
  EXPECT_FALSE(defaults.resume);
  EXPECT_EQ(defaults.fence, Fence::automatic);
  EXPECT_EQ(defaults.fence_timeout.count(), 60);
  EXPECT_EQ(defaults.lock_timeout.count(), 10);
  EXPECT_EQ(defaults.peer_timeout.count(), 30);
  EXPECT_EQ(defaults.retry.retries, 20U);
  EXPECT_EQ(defaults.retry.seconds_max.count(), 120);
  const Options options =
      accepted({"--resume", "--fence", "OFF", "--fence-timeout", "0", "--retries", "0", "--retry-max-seconds", "7",
                "--peer-timeout", "1", "--lock-timeout", "2", "--publish-lock-timeout", "3"})
          .options;
  EXPECT_TRUE(options.resume);
  EXPECT_EQ(options.fence, Fence::off);
  EXPECT_EQ(options.fence_timeout.count(), 0);
  EXPECT_EQ(options.retry.retries, 0U);
  EXPECT_EQ(options.retry.seconds_max.count(), 7);
  EXPECT_EQ(options.peer_timeout.count(), 1);
  EXPECT_EQ(options.lock_timeout.count(), 2);
  EXPECT_EQ(options.publish_lock_timeout.count(), 3);
  EXPECT_EQ(refused({"--peer-timeout", "0"}),
            sentence("--peer-timeout must be a whole number from 1 to 3,600, not \"0\"."));
  EXPECT_EQ(refused({"--fence", "maybe"}), sentence("--fence must be auto or off, not \"maybe\"."));
  EXPECT_EQ(refused({"--retries", "-1"}),
            sentence("--retries must be a whole number from 0 to 1,000,000, not \"-1\"."));
}

TEST_F(CommandLineTest, TakesWhatDestroysFromTheCommandLineOnly) {
  for (const auto& [option, value] : std::map<std::string, std::string>{
           {"mode", "APPLY"}, {"clear", "never"}, {"truncate", "true"}, {"resume", "true"}}) {
    EXPECT_EQ(refused({"--config", config(option + " = " + value + "\n")}),
              sentence(option + " in rebuild.toml cannot be set there: --" + option +
                       " is taken from the command line only."));
    std::string variable = "REBUILD_" + option;
    for (char& c : variable) c = static_cast<char>(std::toupper(c));
    environment_ = {{variable, value}};
    EXPECT_EQ(refused({}),
              sentence(variable + " is set, but --" + option + " is taken from the command line only: unset it."));
    environment_.clear();
  }
}

TEST_F(CommandLineTest, RefusesMistakesInAConfigFile) {
  EXPECT_EQ(refused({"--config", "absent.toml"}), sentence("--config: the file \"absent.toml\" cannot be read."));
  EXPECT_EQ(refused({"--config", "."}), sentence("--config: the file \".\" cannot be read."));
  EXPECT_EQ(
      refused({"--config", config("batchsize = 5\n")}),
      sentence("batchsize in rebuild.toml is not an option; a line is an option's name without dashes, =, and its "
               "value."));
  EXPECT_EQ(
      refused({"--config", config("[run]\ntokens = 5\n")}),
      sentence("tokens in rebuild.toml stands in a [section]: options stand at the beginning of the file, without "
               "sections."));
  EXPECT_EQ(
      refused({"--config", config("from-ts = 2025-02-01 00:00\n")}),
      sentence("from-ts in rebuild.toml needs exactly one value; one with spaces or commas is put in double quotes."));
  EXPECT_EQ(
      refused({"--config", config("max-events = 5.5\n")}),
      sentence("max-events in rebuild.toml must be a whole number from 0 to 9,223,372,036,854,775,807, not \"5.5\"."));
}

TEST_F(CommandLineTest, NeverCutsAQuotedValueSilently) {
  // Older versions of CLI11 take # as a comment inside quotes too.
  const auto parsed =
      parse_words({"--projection", "a", "--mode", "DRY_RUN", "--config", config("dsn = \"password=a#b\"\n")});
  if (const auto* line = std::get_if<CommandLine>(&parsed))
    EXPECT_EQ(line->options.dsn, "password=a#b");
  else
    EXPECT_EQ(std::get<EarlyExit>(parsed).text,
              sentence("dsn in rebuild.toml has a quote without an end (# begins a comment, even inside quotes)."));
}

TEST_F(CommandLineTest, HelpGroupsTheOptionsAndEndsWithTheFiveExamples) {
  const auto parsed = parse_words({"--help", "--unknown"});
  const auto* early = std::get_if<EarlyExit>(&parsed);
  ASSERT_NE(early, nullptr);
  EXPECT_EQ(early->exit_code, 0);
  const std::string& text = early->text;
  std::size_t before = 0;
  for (const char* part :
       {"\nWhat to rebuild:\n", "  --projection NAME[,NAME...]", "  --mode DRY_RUN|APPLY", "\nRange:\n",
        "  --from-ts T", "\nSafety:\n", "  --clear auto|always|never", "\nWhere:\n", "  --dsn S",
        "\nConcurrency and batches:\n", "  --batch-size N", "\nOutput:\n", "  --progress auto|bar|log|none",
        "\nExamples:\n", "  rebuild_projection --projection candidate_summary --mode DRY_RUN\n",
        "  rebuild_projection --projection candidate_summary --mode APPLY\n",
        "  rebuild_projection --projection all --mode APPLY --from-ts \"2025-02-01T00:00:00Z\"\n",
        "  rebuild_projection --projection lead_summary --mode APPLY --from-event-id "
        "\"550e8400-e29b-41d4-a716-446655440000\"\n",
        "  rebuild_projection --projection all --mode APPLY --max-events 1000"}) {
    const std::size_t found = text.find(part, before);
    EXPECT_NE(found, std::string::npos) << part << "\nin\n" << text;
    if (found != std::string::npos) before = found;
  }
}

TEST_F(CommandLineTest, ListAndVersionNeedNothingElse) {
  EXPECT_EQ(accepted_as_is({"--list"}).task, CommandLine::Task::list);
  const auto parsed = parse_words({"--version"});
  const auto* early = std::get_if<EarlyExit>(&parsed);
  ASSERT_NE(early, nullptr);
  EXPECT_EQ(early->exit_code, 0);
  EXPECT_EQ(early->text.substr(0, 19), "rebuild_projection ");
}

}  // namespace
}  // namespace rebuild_projection
