#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/change_set.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// What a statement's source is made of: arrays side by side, a parameter each.
class ArraySource {
 public:
  void add(const std::string& name, const std::string& type = "text");
  /// "unnest($1::text[], …) AS d(k0, …)"
  [[nodiscard]] std::string sql() const { return "unnest(" + parameters_ + ") AS d(" + names_ + ")"; }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::string parameters_;
  std::string names_;
  std::size_t size_ = 0;
};

/// The parameters of such a statement, filled row by row, each row from the first array to the last.
class StatementArrays {
 public:
  explicit StatementArrays(std::size_t count) : arrays_(count) {}

  void text(std::string_view text);
  void null();
  /// A value; the base where it is a List.
  void value(const ValueView& value);
  /// What a List appends, as an array's text; NULL where it is none.
  void appended(const ValueView& value);
  void key(const ChangeSet& changes, const ChangeSet::Row& row);
  void row_done();

  [[nodiscard]] bool empty() const { return rows_ == 0; }
  /// The statement should be executed before another row is added.
  [[nodiscard]] bool full() const;
  /// The rows so far; leaves this empty.
  Session::Parameters take();

 private:
  std::vector<ArrayText> arrays_;
  std::size_t next_ = 0;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace rebuild_projection
