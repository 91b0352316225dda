#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/event.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// A column of the store, with what the server compares its values by: the operators that ORDER BY and an index of the
/// type use, wherever they lie. A name looked up along the search path would find another type's, to which the values
/// can be cast: text's for a citext.
class StoreColumn {
 public:
  /// Of `from`, SQL as it stands behind FROM. Throws SqlError, 42703 where there is no such column.
  StoreColumn(Session& session, const std::string& from, const std::string& name);

  [[nodiscard]] const std::string& name() const { return name_; }
  /// As format_type gives it, without a length; of a domain its base type.
  [[nodiscard]] const std::string& type() const { return type_; }
  /// e."name"
  [[nodiscard]] const std::string& sql() const { return sql_; }
  /// The same as its text is read: of char(n) without the blanks that it is filled with, which mean nothing.
  [[nodiscard]] std::string shown() const { return shown(sql_); }
  [[nodiscard]] std::string shown(const std::string& value) const;
  /// A value of the column, of its text.
  [[nodiscard]] std::string literal(const std::string& text) const;

  /// Whether two values can be asked whether they are equal.
  [[nodiscard]] bool has_equality() const { return has_equality_; }
  /// Whether equal values have the same text, and others another.
  [[nodiscard]] bool equal_as_texts() const { return equal_as_texts_; }

  /// The strategies of a B-tree: https://www.postgresql.org/docs/current/xindex.html
  enum class Operator : std::uint8_t { less, less_or_equal, equal, greater_or_equal, greater };
  [[nodiscard]] const std::string& sql_of(Operator one) const { return operators_[static_cast<std::size_t>(one)]; }
  /// They are the catalogue's, which every session finds by their usual names.
  [[nodiscard]] bool has_usual_operators() const { return has_usual_operators_; }

 private:
  std::string name_, sql_, type_;
  std::string collation_;  ///< as SQL; empty: the database's, or none
  std::array<std::string, 5> operators_;
  bool has_usual_operators_ = true, has_equality_ = true, equal_as_texts_ = false;
};

/// A condition that `left`, SQL of values for the columns, is before, at or after a position, by the columns from the
/// first to the last.
std::string compare(const std::vector<StoreColumn>& columns, const std::vector<std::string>& left,
                    StoreColumn::Operator how, const Position& right);

}  // namespace rebuild_projection
