#include "stages/live_position.h"

#include "pipeline/error.h"
#include "stages/postgres/sqlstate.h"

namespace rebuild_projection {

namespace {

constexpr const char* option = "--live-position";

Rows ask(Session& session, const std::string& sql) {
  try {
    return session.execute(sql, {});  // so that it can be one statement only, and end no transaction
  } catch (const SqlError& error) {
    if (error.connection_lost()) throw;
    const bool unresolved = error.sqlstate == "42P01" || error.sqlstate == "42883";
    // What the query raises may quote a value, whichever SQLSTATE it gives.
    const std::string said = may_quote_values(error.sqlstate) ? condition_of(error.sqlstate) : error.what();
    throw UsageError(std::string(option) + " was refused: " + said + " (SQLSTATE " + error.sqlstate + ")" +
                     (unresolved ? "; every name in it needs its schema, as public.cursors" : ""));
  }
}

}  // namespace

Position live_position(Session& target, Session& source, const EventStore& store, const std::string& sql) {
  const Rows rows = ask(target, sql);
  if (rows.size() != 1)
    throw UsageError(std::string(option) + " must give one row, and gives " + std::to_string(rows.size()));
  Position position;
  for (std::size_t column = 0; column < rows.columns(); ++column) {
    if (rows.is_null(0, column))
      throw UsageError(std::string(option) + " gives NULL: the live projector has not begun");
    position.emplace_back(rows.text(0, column));
  }
  return store.read_position(source, position, option);
}

}  // namespace rebuild_projection
