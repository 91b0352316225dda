#include "tests/support/as_roles.h"

#include <cstdlib>
#include <pqxx/pqxx>
#include <stdexcept>

namespace rebuild_projection::test {

namespace {

/// Once a server: programs of tests run side by side, and each would make them.
void make_roles(const std::string& dsn) {
  pqxx::connection connection(dsn);
  for (const char* sql : {"CREATE ROLE suite_reader LOGIN", "CREATE ROLE suite_writer LOGIN",
                          "GRANT pg_read_all_stats TO suite_reader, suite_writer"}) {
    try {
      pqxx::nontransaction(connection).exec(sql);
    } catch (const pqxx::sql_error&) {  // it is there
    }
  }
}

/// All relations that a rebuild might read, or write, as psql's variable.
std::string relations(const std::string& dsn, const std::string& condition) {
  pqxx::connection connection(dsn);
  pqxx::nontransaction statements(connection);
  statements.exec("SET search_path = pg_catalog");
  const pqxx::result rows = statements.exec(
      "SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ') FROM pg_class c JOIN pg_namespace n ON n.oid ="
      " c.relnamespace WHERE n.nspname !~ '^pg_|^information_schema$' AND pg_get_userbyid(c.relowner) <> "
      "'suite_writer' AND " +
      condition);
  return rows[0][0].is_null() ? "" : rows[0][0].c_str();
}

std::string in_quotes(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

}  // namespace

std::optional<RoleDsns> as_roles(const std::string& dsn, const std::string& meta_schema) {
  if (std::getenv("REBUILD_PROJECTION_AS_ROLES") == nullptr) return std::nullopt;
  if (!dsn.starts_with("dbname=test_") || dsn.find(' ') != std::string::npos) return std::nullopt;
  make_roles(dsn);
  const std::string read = relations(dsn, "c.relkind IN ('r', 'p', 'v', 'm', 'f')");
  const std::string written = relations(dsn, "c.relkind IN ('r', 'p') AND c.relname <> 'event_store'");
  if (!read.empty() && !written.empty()) {
    const std::string command =
        "psql -qXAt -d " + in_quotes(dsn) +
        " -v reader=suite_reader -v writer=suite_writer -v truncate=on -v store=" + in_quotes(read) +
        " -v tables=" + in_quotes(written) + " -v meta_schema=" + in_quotes(meta_schema) + " -f '" +
        REBUILD_PROJECTION_TOOLS_DIR "/roles.sql' >/dev/null";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("tools/roles.sql failed");
  }
  return RoleDsns{dsn + " user=suite_writer", dsn + " user=suite_reader"};
}

}  // namespace rebuild_projection::test
