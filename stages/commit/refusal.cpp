#include "stages/commit/refusal.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace rebuild_projection {

namespace {

/// https://www.postgresql.org/docs/current/errcodes-appendix.html
std::string kind_of(std::string_view sqlstate) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kinds{{
      {"22001", "a value is too long for its column"},
      {"22003", "a number is out of its column's range"},
      {"22007", "a value is no date or time"},
      {"22008", "a date or time is out of range"},
      {"22021", "a text is not valid in the database's encoding"},
      {"22P02", "a value is not in the form that its column's type needs"},
      {"22P03", "a value is not in the form that its column's type needs"},
      {"22P05", "a text has a character that the database's encoding lacks"},
      {"23502", "a column that must not be NULL would be NULL"},
      {"23503", "a foreign key has no row to refer to"},
      {"23505", "a unique index already holds the value"},
      {"23514", "a check constraint does not hold"},
      {"23P01", "an exclusion constraint does not hold"},
  }};
  for (const auto& [state, text] : kinds)
    if (state == sqlstate) return std::string(text);
  return "the database refused the change";
}

/// What the server would convert on the way to the column; nullopt where there is nothing to convert, or too much
/// (lists).
std::optional<std::string> converted(const ValueView& value) {
  if (value.is_null() || value.list() != nullptr) return std::nullopt;
  return to_text(value);
}

/// Characters of a UTF-8 text.
std::size_t length(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

/// Within a savepoint of this name.
bool fails(Session& session, const CatalogueColumn& column, const std::string& text) {
  constexpr std::uint32_t bpchar_oid = 1042, varchar_oid = 1043;
  if (column.base_oid == bpchar_oid || column.base_oid == varchar_oid)  // whose casts cut silently
    return column.type_modifier >= 4 && length(text) > static_cast<std::size_t>(column.type_modifier - 4);
  try {
    session.execute("SELECT $1::" + column.type, {text});
    return false;
  } catch (const SqlError& error) {
    if (!error.blames_data()) throw;
    session.execute("ROLLBACK TO SAVEPOINT value");
    return true;
  }
}

/// A column whose value does not convert to its type alone; empty where all do.
std::string column_at_fault(Session& session, const ChangeSet& changes, const CatalogueTable& table) {
  for (const ChangeSet::Row* row : changes.sorted()) {
    for (std::size_t part = 0; part < changes.table().key.size(); ++part)
      if (const auto* column = table.find(changes.table().key[part].name);
          fails(session, *column, changes.key_text(*row, part)))
        return column->name;
    for (const ColumnChanges* branch : {&row->change.present, &row->change.when_absent()})
      for (const ColumnChange change : *branch)
        if (const auto text = converted(change.value))
          if (const auto* column = table.find(changes.table().columns[change.column].name);
              fails(session, *column, *text))
            return column->name;
  }
  return "";
}

}  // namespace

std::string explain_refusal(Session& session, const SqlError& error, const ChangeSet& changes,
                            const CatalogueTable& table, bool show_values) {
  std::string result;
  if (error.is_class("22")) {
    session.execute("SAVEPOINT value");
    if (const std::string column = column_at_fault(session, changes, table); !column.empty())
      result = "column \"" + column + "\": ";
    session.execute("RELEASE SAVEPOINT value");
  }
  result += kind_of(error.sqlstate) + " (SQLSTATE " + error.sqlstate + ")";
  // The first line of an integrity violation's message names column and constraint, never a value.
  return show_values || error.is_class("23") ? result + ": " + error.said : result;
}

}  // namespace rebuild_projection
