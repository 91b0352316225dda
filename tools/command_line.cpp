#include "tools/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>

#include "pipeline/file_text.h"
#include "tools/given_options.h"
#include "tools/option_table.h"
#include "tools/terminal_text.h"

/// CLI11 splits the arguments, prints --help and reads the config file. What the values mean is checked in
/// option_values.cpp, so that every message is a sentence of this program, whatever the version of CLI11.
namespace rebuild_projection {

namespace {

constexpr std::size_t help_column = 32;

void declare_options(CLI::App& app) {
  app.set_help_flag();  // --help is an option of the table, so that it wins over other mistakes
  app.get_formatter()->column_width(help_column);
  app.allow_extras();  // reported below, in our own words
  app.footer(std::string(help_footer()));
  for (const OptionSpec& spec : option_table()) {
    const std::string name = (spec.name == "help" ? "-h,--" : "--") + std::string(spec.name);
    const std::string help(spec.help);
    CLI::Option* option = nullptr;
    if (spec.is_flag()) {
      option = app.add_flag(name, help)->disable_flag_override();
    } else {
      // No variable and no conversion: only the texts are wanted. take_all, so that a repetition can be reported.
      option = app.add_option(name, CLI::callback_t(), help);
      option->option_text(std::string(spec.value))->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
    option->group(std::string(spec.group));
  }
}

/// Some versions of CLI11 put two empty lines between groups.
std::string help_text(const CLI::App& app) {
  std::string text = app.help();
  for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) text.erase(at, 1);
  return text;
}

/// CLI11's message as a sentence. Its messages begin with the option's name.
std::string sentence_of(const CLI::ParseError& error) {
  const std::string text = error.what();
  std::string_view name = std::string_view(text).substr(0, text.find_first_of(": "));
  name.remove_prefix(std::min(name.find_first_not_of('-'), name.size()));  // some messages leave the dashes out
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string option = "--" + std::string(name);
    const OptionSpec* spec = find_option(name);
    if (spec != nullptr && spec->is_flag()) return option + " takes no value.";
    if (spec != nullptr) return option + " needs a value: " + option + ' ' + std::string(spec->value) + '.';
  }
  return printable(text) + '.';
}

void take_arguments(CLI::App& app, GivenOptions& given, std::vector<std::string>& mistakes) {
  for (const OptionSpec& spec : option_table()) {
    const std::string dashed = "--" + std::string(spec.name);
    const CLI::Option* option = app.get_option(dashed);
    if (option->count() == 0) continue;
    std::vector<GivenValue>& values = given[std::string(spec.name)];
    if (spec.is_flag()) {
      values.push_back({"true", dashed});
      continue;
    }
    for (const std::string& text : option->results()) {
      // "--dsn --mode APPLY" (an empty shell variable, say) must not make a database of "--mode".
      if (text.starts_with("--") && find_option(std::string_view(text).substr(2)) != nullptr)
        mistakes.push_back(dashed + " needs a value, and " + text + " follows it.");
      else
        values.push_back({text, dashed});
    }
    if (!spec.repeats && values.size() > 1) mistakes.push_back(dashed + " is given more than once.");
  }
  for (const std::string& extra : app.remaining()) {
    if (extra == "--") continue;
    const bool option = extra.starts_with('-');
    const std::string name = option ? extra.substr(0, extra.find('=')) : extra;
    mistakes.push_back(shown(name) +
                       (option ? " is not an option of this program."
                               : " is not expected: every value follows its option, as in --projection NAME."));
  }
}

void take_environment(const Environment& environment, GivenOptions& given, std::vector<std::string>& mistakes) {
  for (const OptionSpec& spec : option_table()) {
    if (spec.name == "help" || spec.name == "version") continue;
    const std::string variable = environment_name(spec.name);
    const auto text = environment(variable);
    if (!text || text->empty()) continue;
    if (!spec.from_elsewhere)
      mistakes.push_back(variable + " is set, but --" + std::string(spec.name) +
                         " is taken from the command line only: unset it.");
    else if (!given.contains(spec.name))
      given[std::string(spec.name)].push_back({*text, variable});
  }
}

void take_config_item(const CLI::ConfigItem& item, const std::string& file, GivenOptions& given,
                      std::vector<std::string>& mistakes) {
  const std::string origin = printable(item.name) + " in " + file;
  const OptionSpec* spec = find_option(item.name);
  if (!item.parents.empty()) {
    if (item.name != "++" && item.name != "--")
      mistakes.push_back(origin +
                         " stands in a [section]: options stand at the beginning of the file, without sections.");
    return;
  }
  if (spec == nullptr || spec->name == "config") {
    mistakes.push_back(origin + " is not an option; a line is an option's name without dashes, =, and its value.");
    return;
  }
  if (!spec->from_elsewhere) {
    mistakes.push_back(origin + " cannot be set there: --" + item.name + " is taken from the command line only.");
    return;
  }
  if (!spec->repeats && item.inputs.size() != 1) {
    mistakes.push_back(origin + " needs exactly one value; one with spaces or commas is put in double quotes.");
    return;
  }
  std::vector<GivenValue> values;
  for (const std::string& text : item.inputs) {
    if (text.starts_with('"') || text.starts_with('\'')) {
      mistakes.push_back(origin + " has a quote without an end (# begins a comment, even inside quotes).");
      return;
    }
    values.push_back({text, origin});
  }
  given.try_emplace(item.name, std::move(values));
}

void take_config_file(GivenOptions& given, const std::stop_token& stop, std::vector<std::string>& mistakes) {
  const auto config = given.find("config");
  if (config == given.end() || config->second.empty()) return;
  const std::string path = config->second.front().text;
  try {
    const auto text = text_of_file(path, stop);
    if (!text) throw CLI::FileError::Missing(path);
    std::istringstream lines(*text);
    // What the file says about an option must not depend on whether the option was given already: collect, then merge.
    GivenOptions from_file;
    for (const CLI::ConfigItem& item : CLI::ConfigTOML{}.from_config(lines))
      take_config_item(item, printable(path), from_file, mistakes);
    given.merge(from_file);
  } catch (const CLI::Error&) {
    mistakes.push_back(config->second.front().origin + ": the file " + shown(path) + " cannot be read.");
  }
}

EarlyExit refusal(const std::vector<std::string>& mistakes) {
  std::string text;
  for (const std::string& mistake : mistakes) text += "rebuild_projection: " + mistake + '\n';
  return {1, text + "See rebuild_projection --help.\n"};
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

std::variant<CommandLine, EarlyExit> parse(int argc, const char* const* argv, const Environment& environment,
                                           const std::stop_token& stop) {
  CLI::App app("Replays the events of a PostgreSQL event store, oldest first, into projection tables.",
               "rebuild_projection");
  declare_options(app);
  GivenOptions given;
  std::vector<std::string> mistakes;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return refusal({sentence_of(error)});
  }
  if (app.count("--help") > 0) return EarlyExit{0, help_text(app)};
  if (app.count("--version") > 0) return EarlyExit{0, "rebuild_projection " REBUILD_PROJECTION_VERSION "\n"};

  take_arguments(app, given, mistakes);
  take_environment(environment, given, mistakes);
  take_config_file(given, stop, mistakes);
  CommandLine result;
  if (mistakes.empty()) result = check_options(given, mistakes);
  if (!mistakes.empty()) return refusal(mistakes);
  return result;
}

}  // namespace rebuild_projection
