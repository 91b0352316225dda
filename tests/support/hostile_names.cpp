#include "tests/support/hostile_names.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace rebuild_projection::test {

namespace {

const std::map<std::string, std::string>& names() {
  static const std::map<std::string, std::string> all{
      {"event_id", "l"},  {"ts", "d"},    {"event_type", "s"},   {"aggregate_id", "order"}, {"payload", "t"},
      {"n", "one"},       {"at", "old"},  {"candidate_id", "c"}, {"stage", "select"},       {"last_event", "live"},
      {"changes", "v"},   {"total", "a"}, {"id", "key"},         {"v", "shadow"},           {"last", "p"},
      {"amount", "user"}, {"note", "k0"}};
  static const std::map<std::string, std::string> none;
  return std::getenv("REBUILD_PROJECTION_HOSTILE_NAMES") != nullptr ? all : none;
}

bool is_word(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::size_t end_of_word(const std::string& text, std::size_t at) {
  while (at < text.size() && is_word(text[at])) ++at;
  return at;
}

/// Behind a text in such quotes that begins at `at`; two quotes are one, and a backslash escapes where it may.
std::size_t end_of_quotes(const std::string& text, std::size_t at, bool with_escapes) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (with_escapes && text[at] == '\\')
      ++at;
    else if (text[at] == quote && (at + 1 == text.size() || text[at + 1] != quote))
      return at + 1;
    else if (text[at] == quote)
      ++at;
  }
  return text.size();
}

std::string replaced_words(const std::string& sql, const std::string& quote) {
  const bool of_dead_letters = sql.find("rebuild_dead_letters") != std::string::npos;
  std::string result;
  for (std::size_t at = 0; at < sql.size();) {
    std::size_t end = at + 1;
    if (sql[at] == '\'' || sql[at] == '"') {
      end = end_of_quotes(sql, at, sql[at] == '\'' && at > 0 && sql[at - 1] == 'E');
    } else if (is_word(sql[at])) {
      end = end_of_word(sql, at);
      const auto name = names().find(sql.substr(at, end - at));
      if (name != names().end() && !(of_dead_letters && name->first == "event_id")) {
        result += quote + name->second + quote;
        at = end;
        continue;
      }
    }
    result += sql.substr(at, end - at);
    at = end;
  }
  return result;
}

bool is_store_file(const std::string& toml) {
  return toml.starts_with("from ") || toml.find("\nfrom ") != std::string::npos;
}

/// A text in TOML, with its quotes: a column's name, or a query.
std::string hostile_text(const std::string& text) {
  const bool literal = text.front() == '\'';
  const std::size_t quotes = text.starts_with("\"\"\"") || text.starts_with("'''") ? 3 : 1;
  const std::string inside = text.substr(quotes, text.size() - 2 * quotes);
  const std::string before = text.substr(0, quotes);
  if (const auto name = names().find(inside); name != names().end()) return before + name->second + before;
  if (inside.find(' ') == std::string::npos) return text;
  return before + replaced_words(inside, literal ? "\"" : "\\\"") + before;
}

std::size_t end_of_toml_text(const std::string& toml, std::size_t at) {
  for (const char* quotes : {"\"\"\"", "'''"})
    if (toml.compare(at, 3, quotes) == 0) return std::min(toml.find(quotes, at + 3), toml.size() - 3) + 3;
  const char quote = toml[at];
  for (++at; at < toml.size() && toml[at] != quote; ++at)
    if (quote == '"' && toml[at] == '\\') ++at;
  return std::min(at + 1, toml.size());
}

/// Which line's key a text belongs to: "key" of `key = ["a"]`.
std::string key_of_line(const std::string& toml, std::size_t at) {
  const std::size_t line = at == 0 ? 0 : toml.rfind('\n', at - 1) + 1;
  return toml.substr(line, end_of_word(toml, line) - line);
}

}  // namespace

bool with_hostile_names() {
  return !names().empty();
}

std::string hostile_name(const std::string& column) {
  const auto name = names().find(column);
  return name == names().end() ? column : name->second;
}

std::string hostile_sql(const std::string& sql) {
  return !with_hostile_names() ? sql : replaced_words(sql, "\"");
}

std::string hostile_file(const std::string& toml) {
  if (!with_hostile_names()) return toml;
  const bool store = is_store_file(toml);
  std::string result;
  int braces = 0;
  for (std::size_t at = 0; at < toml.size();) {
    std::size_t end = at + 1;
    const char c = toml[at];
    if (c == '"' || c == '\'') {
      end = end_of_toml_text(toml, at);
      const std::string text = toml.substr(at, end - at), key = key_of_line(toml, at);
      const bool column = store ? key != "name" && key != "about" : key == "key" && braces == 0;
      result += column ? hostile_text(text) : text;
    } else if (is_word(c)) {
      end = end_of_word(toml, at);
      const std::string word = toml.substr(at, end - at);
      const std::size_t next = std::min(toml.find_first_not_of(' ', end), toml.size() - 1);
      const bool column = !store && braces > 0 && toml[next] == '=' && names().contains(word);
      result += column ? "\"" + names().at(word) + "\"" : word;
    } else {
      braces += c == '{' ? 1 : c == '}' ? -1 : 0;
      result += c;
    }
    at = end;
  }
  return result;
}

}  // namespace rebuild_projection::test
