#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include "pipeline/timestamp.h"
#include "stages/option_bounds.h"
#include "stages/postgres/session.h"
#include "tools/given_options.h"
#include "tools/option_table.h"
#include "tools/quoted_list.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

using namespace option_bounds;

/// What --projections calls the examples of this program; a folder of that name is "./shipped".
constexpr std::string_view shipped = "shipped";

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// YYYY-MM-DD, or that with T or a space and HH:MM, then perhaps :SS, a fraction, and Z or +HH, +HHMM, +HH:MM.
/// Timestamp::parse knows more (infinity, BC); on a command line that is a slip.
struct IsoShape {
  bool valid = false;
  bool has_zone = false;
};
IsoShape iso_shape(std::string_view text) {
  // '0' stands for a digit; the longest that matches is taken off the front.
  const auto take = [&](std::string_view pattern) {
    if (text.size() < pattern.size()) return false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      const bool digit = text[i] >= '0' && text[i] <= '9';
      if (pattern[i] == '0' ? !digit : pattern[i] != text[i]) return false;
    }
    text.remove_prefix(pattern.size());
    return true;
  };
  if (!take("0000-00-00")) return {};
  if (text.empty()) return {true, false};
  if (!take("T00:00") && !take("t00:00") && !take(" 00:00")) return {};
  if (take(":00") && (take(".0") || take(",0")))
    while (take("0")) continue;
  if (text.empty()) return {true, false};
  if (take("Z") || take("z") || take("+00:00") || take("-00:00") || take("+0000") || take("-0000") || take("+00") ||
      take("-00"))
    return {text.empty(), true};
  return {};
}

class Checker {
 public:
  Checker(const GivenOptions& given, std::vector<std::string>& mistakes) : given_(given), mistakes_(mistakes) {}

  CommandLine check() {
    task();
    where();
    if (stands_alone()) {
      output();
      return std::move(result_);
    }
    what();
    range();
    safety();
    concurrency();
    verification();
    shadow();
    output();
    return std::move(result_);
  }

 private:
  using Task = CommandLine::Task;

  bool stands_alone() const {
    constexpr std::array alone{Task::list, Task::list_stores, Task::show_store, Task::init, Task::status};
    return std::ranges::find(alone, result_.task) != alone.end();
  }

  /// What to do, where it is not a rebuild. Each stands alone, but --check, which stands beside the options it checks.
  void task() {
    if (flag("list")) result_.task = Task::list;
    if (flag("check")) result_.task = Task::check;
    if (flag("status")) result_.task = Task::status;
    if (given("explain-row")) {
      result_.task = Task::explain;
      row_key();
    }
    if (flag("undo-publish")) result_.task = Task::undo;
    if (flag("list-stores")) result_.task = Task::list_stores;
    if (given("show-store")) {
      result_.task = Task::show_store;
      result_.shown_store = text("show-store");
    }
    if (given("init")) {
      result_.task = Task::init;
      result_.init_table = text("init");
    }
    constexpr std::array tasks{"list", "list-stores", "show-store",  "check",
                               "init", "status",      "explain-row", "undo-publish"};
    constexpr std::array others{std::pair{"init", "mode"},        std::pair{"init", "projection"},
                                std::pair{"status", "mode"},      std::pair{"status", "projection"},
                                std::pair{"explain-row", "mode"}, std::pair{"undo-publish", "mode"}};
    const auto refuse_both = [this](const char* one, const char* other) {
      if (on_command_line(one) && on_command_line(other))
        mistakes_.push_back("--" + std::string(one) + " and --" + other + " cannot stand together.");
    };
    for (std::size_t one = 0; one < tasks.size(); ++one)
      for (std::size_t other = one + 1; other < tasks.size(); ++other) refuse_both(tasks[one], tasks[other]);
    for (const auto& [one, other] : others) refuse_both(one, other);
  }
  void row_key() {
    const auto values = read_quoted_list(text("explain-row"));
    if (!values)
      mistakes_.push_back(find("explain-row")->origin +
                          " must be a value, or column=value with commas between them; what holds a comma or = stands "
                          "in double quotes.");
    else
      for (const ListedValue& one : *values) result_.row_key.push_back({one.name, one.value});
  }
  bool on_command_line(std::string_view option) const {
    const GivenValue* value = find(option);
    return value != nullptr && value->origin.starts_with("--");
  }

  const GivenValue* find(std::string_view option) const {
    const auto found = given_.find(option);
    return found == given_.end() || found->second.empty() ? nullptr : &found->second.front();
  }
  bool given(std::string_view option) const { return find(option) != nullptr; }

  bool flag(std::string_view option) {
    const GivenValue* value = find(option);
    if (value == nullptr) return false;
    const std::string text = lower(value->text);
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text != "false" && text != "0" && text != "no" && text != "off")
      mistakes_.push_back(value->origin + " must be true or false, not " + shown(value->text) + '.');
    return false;
  }

  /// The value of the word given, in any case, or `fallback`.
  template <typename T, std::size_t n>
  T choice(std::string_view option, const std::array<std::pair<std::string_view, T>, n>& words, T fallback) {
    const GivenValue* value = find(option);
    if (value == nullptr) return fallback;
    std::string accepted;
    for (std::size_t i = 0; i < n; ++i) {
      if (lower(value->text) == lower(std::string(words[i].first))) return words[i].second;
      accepted += (i == 0 ? "" : i + 1 == n ? " or " : ", ") + std::string(words[i].first);
    }
    mistakes_.push_back(value->origin + " must be " + accepted + ", not " + shown(value->text) + '.');
    return fallback;
  }

  std::uint64_t number(std::string_view option, std::uint64_t least, std::uint64_t most, std::uint64_t fallback) {
    const GivenValue* value = find(option);
    if (value == nullptr) return fallback;
    std::uint64_t number = 0;
    const char* end = value->text.data() + value->text.size();
    const auto [stop, error] = std::from_chars(value->text.data(), end, number);
    if (error == std::errc{} && stop == end && number >= least && number <= most) return number;
    mistakes_.push_back(value->origin + " must be a whole number from " + with_commas(least) + " to " +
                        with_commas(most) + ", not " + shown(value->text) + '.');
    return fallback;
  }

  std::chrono::seconds seconds(std::string_view option, std::chrono::seconds fallback) {
    return std::chrono::seconds(number(option, 0, seconds_max, static_cast<std::uint64_t>(fallback.count())));
  }

  /// The text given; an empty one is a mistake (most often a shell variable that is not set).
  std::string text(std::string_view option, std::string fallback = {}) {
    const GivenValue* value = find(option);
    if (value == nullptr) return fallback;
    if (value->text.empty()) mistakes_.push_back(value->origin + " is empty.");
    return value->text;
  }

  std::optional<Timestamp> timestamp(std::string_view option) {
    const GivenValue* value = find(option);
    if (value == nullptr) return std::nullopt;
    const IsoShape shape = iso_shape(value->text);
    const auto moment = shape.valid ? Timestamp::parse(value->text) : std::nullopt;
    if (!moment)
      mistakes_.push_back(value->origin +
                          " must be a time in ISO 8601, as 2025-02-01T00:00:00Z or 2025-02-01 00:00+05:30, not " +
                          shown(value->text) + '.');
    else if (!shape.has_zone)
      result_.notes.push_back(value->origin + " has no time zone and is taken as UTC: " + moment->to_text());
    return moment;
  }

  /// A connection string. What others on the machine can read, the list of processes, must hold no password.
  std::string dsn(std::string_view option) {
    std::string given = text(option);
    if (on_command_line(option) && !given.empty() && holds_password(given))
      mistakes_.push_back("--" + std::string(option) +
                          " holds a password: other users of this machine can see a command line; put the password "
                          "into ~/.pgpass, a service file (\"service=...\"), or the variables PGPASSWORD or " +
                          environment_name(option) + ", and leave it out here.");
    return given;
  }

  void where() {
    if (result_.task == Task::list_stores || result_.task == Task::show_store) return;
    Options& options = result_.options;
    std::error_code ignored;
    if (given("projections") && text("projections") == shipped)
      options.examples = true;
    else if (given("projections"))
      options.projections_dir = text("projections");
    else if (std::filesystem::is_directory("projections", ignored))
      options.projections_dir = "projections";
    if (result_.task == Task::list) return;
    options.store = text("store", options.store);
    options.dsn = dsn("dsn");
    options.source_dsn = dsn("source-dsn");
    options.meta_schema = text("meta-schema", options.meta_schema);
    options.peer_timeout = std::chrono::seconds(
        number("peer-timeout", 1, peer_timeout_max, static_cast<std::uint64_t>(options.peer_timeout.count())));
  }

  void what() {
    if (const auto found = given_.find("projection"); found != given_.end())
      for (const GivenValue& value : found->second) projections(value);
    const bool checks = result_.task == Task::check;
    if (!given("projection") && checks)
      result_.options.projections = {"all"};
    else if (!given("projection"))
      mistakes_.emplace_back("--projection is missing: name one projection or more, or all; --list shows them.");

    constexpr std::array<std::pair<std::string_view, Mode>, 3> modes{
        {{"DRY_RUN", Mode::dry_run}, {"APPLY", Mode::apply}, {"VERIFY", Mode::verify}}};
    if (!given("mode") && !checks && result_.task != Task::explain && result_.task != Task::undo)
      mistakes_.emplace_back(
          "--mode is missing: say --mode DRY_RUN (count, write nothing), --mode APPLY (rebuild) or --mode VERIFY "
          "(compare, write nothing).");
    result_.options.mode = choice("mode", modes, result_.task == Task::explain ? Mode::verify : Mode::dry_run);
    constexpr std::array<std::pair<std::string_view, Strategy>, 2> strategies{
        {{"in-place", Strategy::in_place}, {"shadow", Strategy::shadow}}};
    result_.options.strategy = choice("strategy", strategies, Strategy::in_place);
    if (result_.task == Task::undo) result_.options.strategy = Strategy::shadow;
    result_.options.discard = flag("discard");
    result_.options.keep_previous = flag("keep-previous");
  }

  void projections(const GivenValue& value) {
    std::string_view rest = value.text;
    for (bool more = true; more;) {
      const std::size_t comma = rest.find(',');
      more = comma != std::string_view::npos;
      std::string_view name = rest.substr(0, comma);
      rest.remove_prefix(more ? comma + 1 : rest.size());
      while (name.starts_with(' ')) name.remove_prefix(1);
      while (name.ends_with(' ')) name.remove_suffix(1);
      if (name.empty())
        mistakes_.push_back(value.origin + " has an empty name.");
      else
        result_.options.projections.emplace_back(name);
    }
  }

  void range() {
    const auto from = timestamp("from-ts");
    const auto to = timestamp("to-ts");
    // In UTC and with its zone: a column without time zone takes it as UTC too, whatever offset was written.
    if (from) result_.options.from_ts = from->to_text();
    if (to) result_.options.to_ts = to->to_text();
    if (from && to && !(*from < *to))
      mistakes_.push_back(find("from-ts")->origin + " must be before " + find("to-ts")->origin +
                          ": the range between them is empty.");
    if (given("from-event-id")) result_.options.from_event_id = text("from-event-id");
    result_.options.from_position = position("from-position");
    if (given("from-event-id") && given("from-position"))
      mistakes_.push_back(find("from-event-id")->origin + " contradicts " + find("from-position")->origin +
                          ": each says after what the events begin; leave one of them out.");
    result_.options.max_events = number("max-events", 0, events_max, 0);
    constexpr std::array<std::pair<std::string_view, Scope>, 2> scopes{
        {{"all", Scope::all}, {"touched", Scope::touched}}};
    result_.options.scope = choice("scope", scopes, Scope::all);
  }

  std::vector<std::string> position(std::string_view option) {
    std::vector<std::string> result;
    if (!given(option)) return result;
    const auto values = read_quoted_list(text(option));
    if (!values || std::ranges::any_of(*values, [](const auto& one) { return one.name.has_value(); }))
      mistakes_.push_back(find(option)->origin +
                          " must be the values of the store's order columns with commas between them; what holds a "
                          "comma or = stands in double quotes.");
    else
      for (const ListedValue& one : *values) result.push_back(one.value);
    return result;
  }

  /// What stands beside --mode VERIFY, and what does not.
  void verification() {
    Options& options = result_.options;
    const bool verifies = options.mode == Mode::verify;
    const std::string verb = result_.task == Task::explain ? "--explain-row" : "--mode VERIFY";
    constexpr std::array bounds{"to-ts", "to-position", "live-position"};
    constexpr std::array others{"from-ts", "from-event-id", "from-position", "scope",  "resume",
                                "clear",   "truncate",      "max-events",    "discard"};
    constexpr std::array own{"to-position", "drift-limit", "drift-file"};
    if (verifies) {
      for (const char* option : others)
        if (given(option))
          mistakes_.push_back(find(option)->origin + " contradicts " + verb + ", which compares with all events from " +
                              "the first one on and writes nothing; leave one of them out.");
      for (std::size_t one = 0; one < bounds.size(); ++one)
        for (std::size_t other = one + 1; other < bounds.size(); ++other)
          if (given(bounds[one]) && given(bounds[other]))
            mistakes_.push_back(find(bounds[one])->origin + " contradicts " + find(bounds[other])->origin +
                                ": each says where the events end; leave one of them out.");
    } else {
      for (const char* option : own)
        if (on_command_line(option)) mistakes_.push_back(find(option)->origin + " is for --mode VERIFY.");
      return;  // what stands in a file or a variable is for other runs
    }
    options.to_position = position("to-position");
    options.drift_limit = number("drift-limit", 0, drift_limit_max, options.drift_limit);
    result_.drift_file = text("drift-file");
  }

  /// What stands beside --strategy shadow, and what does not.
  void shadow() {
    Options& options = result_.options;
    const bool unseen = options.mode == Mode::verify || options.in_shadow();
    if (unseen) options.live_position = text("live-position");
    if (!unseen && on_command_line("live-position"))
      mistakes_.push_back("--live-position is for --mode VERIFY and --strategy shadow.");
    if (!options.in_shadow()) {
      if (on_command_line("keep-previous") && options.keep_previous)
        mistakes_.emplace_back("--keep-previous is for --strategy shadow: it keeps what publishing replaces.");
      if (options.mode != Mode::verify && options.discard)
        mistakes_.emplace_back("--discard is for --strategy shadow: it drops what earlier runs left there.");
      return;
    }
    for (const char* option : {"from-ts", "from-event-id", "from-position", "to-ts"})
      if (given(option))
        mistakes_.push_back(find(option)->origin +
                            " contradicts --strategy shadow, which publishes the rows of all events; use --strategy "
                            "in-place.");
    if (options.truncate || options.clear == Clear::never)
      mistakes_.push_back(std::string(options.truncate ? "--truncate" : "--clear never") +
                          " contradicts --strategy shadow, which replaces the rows that differ and no others; leave "
                          "one of them out.");
    if (options.discard && options.resume)
      mistakes_.emplace_back("--discard contradicts --resume: one drops the shadow, the other goes on with it.");
  }

  void safety() {
    Options& options = result_.options;
    constexpr std::array<std::pair<std::string_view, Clear>, 3> clears{
        {{"auto", Clear::automatic}, {"always", Clear::always}, {"never", Clear::never}}};
    options.clear = choice("clear", clears, Clear::automatic);
    options.truncate = flag("truncate");
    if (options.truncate && options.clear == Clear::never)
      mistakes_.emplace_back("--truncate contradicts --clear never: it says how to clear; leave one of them out.");
    constexpr std::array<std::pair<std::string_view, OnError>, 2> reactions{
        {{"stop", OnError::stop}, {"skip", OnError::skip}}};
    options.on_error = choice("on-error", reactions, OnError::stop);
    options.resume = flag("resume");
    for (const std::string_view start : {"from-ts", "from-event-id", "from-position"})
      if (options.resume && given(start))
        mistakes_.push_back("--resume contradicts " + find(start)->origin +
                            ": it begins after the checkpoint; leave one of them out.");
    if (options.resume && options.clear == Clear::always)
      mistakes_.emplace_back("--resume contradicts --clear always: it keeps the rows; leave one of them out.");
    constexpr std::array<std::pair<std::string_view, Fence>, 2> fences{
        {{"auto", Fence::automatic}, {"off", Fence::off}}};
    options.fence = choice("fence", fences, options.fence);
    options.fence_timeout = seconds("fence-timeout", options.fence_timeout);
    options.lock_timeout = seconds("lock-timeout", options.lock_timeout);
    options.retry.retries = static_cast<unsigned>(number("retries", 0, retries_max, options.retry.retries));
    options.retry.seconds_max = seconds("retry-max-seconds", options.retry.seconds_max);
    options.publish_lock_timeout =
        std::chrono::seconds(number("publish-lock-timeout", 1, publish_lock_timeout_max,
                                    static_cast<std::uint64_t>(options.publish_lock_timeout.count())));
  }

  void concurrency() {
    Options& options = result_.options;
    // Nobody waits for a batch of what nobody sees; and touched rows should come back in the transaction they went in.
    const bool large = options.mode == Mode::verify || options.in_shadow() || options.scope == Scope::touched;
    options.batch_events = number("batch-size", 1, batch_events_max, large ? batch_events_max : options.batch_events);
    options.tokens = static_cast<unsigned>(number("tokens", 1, concurrency_max, 0));
    options.workers = static_cast<unsigned>(number("workers", 1, concurrency_max, 0));
    options.readers = static_cast<unsigned>(number("readers", 1, concurrency_max, 0));
    constexpr std::array<std::pair<std::string_view, Payload>, 3> payloads{
        {{"auto", Payload::automatic}, {"whole", Payload::whole}, {"slim", Payload::slim}}};
    options.payload = choice("payload", payloads, options.payload);
    options.memory_bytes_max = number("max-memory", memory_mib_min, memory_mib_max, options.memory_bytes_max >> 20U)
                               << 20U;
  }

  void output() {
    constexpr std::array<std::pair<std::string_view, ProgressKind>, 4> kinds{{{"auto", ProgressKind::automatic},
                                                                              {"bar", ProgressKind::bar},
                                                                              {"log", ProgressKind::log},
                                                                              {"none", ProgressKind::none}}};
    result_.progress = choice("progress", kinds, ProgressKind::automatic);
    constexpr std::array<std::pair<std::string_view, LogLevel>, 5> levels{{{"trace", LogLevel::trace},
                                                                           {"debug", LogLevel::debug},
                                                                           {"info", LogLevel::info},
                                                                           {"warn", LogLevel::warn},
                                                                           {"error", LogLevel::error}}};
    result_.log_level = choice("log-level", levels, LogLevel::info);
    constexpr std::array<std::pair<std::string_view, LogFormat>, 2> formats{
        {{"text", LogFormat::text}, {"json", LogFormat::json}}};
    result_.log_format = choice("log-format", formats, LogFormat::text);
    result_.summary_file = text("summary");
    result_.options.show_values = flag("show-values");
  }

  const GivenOptions& given_;
  std::vector<std::string>& mistakes_;
  CommandLine result_;
};

}  // namespace

CommandLine check_options(const GivenOptions& given, std::vector<std::string>& mistakes) {
  return Checker(given, mistakes).check();
}

}  // namespace rebuild_projection
