#include "tests/support/in_process.h"

#include <cstdio>
#include <tuple>

#include "pipeline/error.h"
#include "tests/support/as_roles.h"

namespace rebuild_projection::test {

InProcess::InProcess(Database& database) : database_(database) {
  write_store({});
  options.projections = {"all"};
  options.mode = Mode::apply;
  options.projections_dir = projections_.path();
  options.dsn = database.dsn();
}

void InProcess::write_projection(const std::string& name, const std::string& toml) {
  // A projection's name need not be a file's.
  const auto file = files_.try_emplace(name, "projection_" + std::to_string(files_.size()) + ".toml").first;
  projections_.write(file->second, "name = " + toml_text(name) + "\n" + toml);
}

void InProcess::write_store(const std::map<std::string, std::string>& keys) {
  std::map<std::string, std::string> all{{"name", "\"event_store\""},
                                         {"from", "\"event_store\""},
                                         {"order", "[\"ts\", \"event_id\"]"},
                                         {"event_id", "\"event_id\""},
                                         {"ts", "\"ts\""},
                                         {"type", "\"event_type\""},
                                         {"stream_id", "\"aggregate_id\""},
                                         {"payload", "\"payload\""}};
  for (const auto& [key, value] : keys) all[key] = value;
  std::string text;
  for (const auto& [key, value] : all) text += key + " = " + value + "\n";
  options.store = stores_.write("store.toml", text);
}

Report InProcess::apply() {
  Options as_given = options;
  if (options.source_dsn.empty() || options.source_dsn == options.dsn) {
    if (const auto roles = as_roles(options.dsn, options.meta_schema))
      std::tie(as_given.dsn, as_given.source_dsn) = std::tie(roles->target, roles->source);
  }
  return rebuild(as_given, ProjectorRegistry(), {});
}

std::string InProcess::refusal() {
  try {
    apply();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

std::vector<std::string> InProcess::dead_letters(const std::string& projection) {
  return database_.rows("SELECT event_id FROM rebuild_projection.rebuild_dead_letters WHERE projection_name = $name$" +
                        projection + "$name$ ORDER BY event_id");
}

std::string toml_text(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      result += escape;
    } else {
      result += c;
    }
  }
  return result + "\"";
}

}  // namespace rebuild_projection::test
