#include "stages/commit/own_clear.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/callback.h"

namespace rebuild_projection {

namespace {

std::string whose_clear(const Projector& projector) {
  return "projection " + projector.name() + ", clear()";
}

std::optional<std::string> own_clear(const Projector& projector) {
  return call_back(whose_clear(projector), [&] { return projector.clear(); });
}

/// What begins or ends transactions, or a part of one; what changes the session; and what waits for data from here.
constexpr std::array<std::string_view, 14> not_about_rows{"abort",    "begin",     "commit",  "copy",    "deallocate",
                                                          "discard",  "end",       "prepare", "release", "reset",
                                                          "rollback", "savepoint", "set",     "start"};
constexpr std::string_view syntax_error = "42601";

/// The text behind a comment that begins with its first characters. Comments between /* and */ nest.
std::string_view without_comment(std::string_view sql) {
  if (sql.starts_with("--")) return sql.substr(std::min(sql.find_first_of("\r\n"), sql.size()));
  std::size_t depth = 0;
  std::size_t at = 0;
  do {
    const std::string_view two = sql.substr(at, 2);
    if (two == "/*") ++depth;
    if (two == "*/") --depth;
    at += two == "/*" || two == "*/" ? 2 : 1;
  } while (depth > 0 && at < sql.size());
  return sql.substr(at);
}

/// The word that a statement begins with, in lower case; empty where there is none.
std::string first_word(std::string_view sql) {
  for (;;) {
    sql.remove_prefix(std::min(sql.find_first_not_of("; \t\r\n\f\v"), sql.size()));
    if (!sql.starts_with("--") && !sql.starts_with("/*")) break;
    sql = without_comment(sql);
  }
  std::string word;
  for (const char letter : sql) {
    const char lower = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    if (lower < 'a' || lower > 'z') break;
    word += lower;
  }
  return word;
}

}  // namespace

bool has_own_clear(const Projector& projector) {
  return own_clear(projector).has_value();
}

std::uint64_t execute_own_clear(Session& session, const Projector& projector) {
  const std::string whose = whose_clear(projector);
  const std::string sql = own_clear(projector).value_or("");
  const std::string word = first_word(sql);
  if (word.empty()) throw RunError(whose + ": returns no statement; it must return one");
  if (std::ranges::find(not_about_rows, word) != not_about_rows.end())
    throw RunError(whose + ": returns \"" + word +
                   "\", which concerns the transaction or the session; it must return one statement that removes rows, "
                   "and the rest is the batch's");
  const std::string transaction(session.execute("SELECT pg_current_xact_id()").text(0, 0));
  std::uint64_t rows = 0;
  try {
    // With parameters, though there are none: the server then takes one statement and no more.
    rows = session.execute(sql, Session::Parameters{}).affected();
  } catch (const SqlError& error) {
    throw SqlError(
        error.sqlstate,
        whose + ": " + error.what() + (error.sqlstate == syntax_error ? "; it must return exactly one statement" : ""),
        error.statement);
  }
  if (session.execute("SELECT pg_current_xact_id_if_assigned()").text(0, 0) != transaction)
    throw RunError(whose + ": ended the transaction of the first batch; what was cleared until then stays cleared");
  return rows;
}

}  // namespace rebuild_projection
