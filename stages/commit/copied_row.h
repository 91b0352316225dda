#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "pipeline/change_set.h"
#include "stages/commit/binary_fields.h"
#include "stages/commit/target_table.h"
#include "stages/postgres/copy_in.h"

/// A row on its way into a COPY: its key, then its columns. A field that returns false cannot be written in this
/// format, and what there is of the row is then to be dropped.
namespace rebuild_projection {

/// In texts, which can be anything but a list that the server has to join.
class TextRow {
 public:
  static constexpr CopyIn::Format format = CopyIn::Format::text;

  /// `rows` is where rows are appended; both outlive this.
  TextRow(std::string& rows, const ChangeSet& changes) : rows_(rows), changes_(changes) {}
  void begin() { first_ = true; }
  bool key(const ChangeSet::Row& row, std::size_t part);
  bool value(std::size_t column, const ValueView& value);
  void end() { rows_ += '\n'; }

 private:
  void begin_field();

  std::string& rows_;
  const ChangeSet& changes_;
  bool first_ = true;
};

/// How each column of a table is written in the binary format.
struct BinaryForms {
  BinaryForms() = default;
  /// `is_enum` has the key's columns before the others.
  BinaryForms(const TargetTable& table, const std::vector<bool>& is_enum);

  std::vector<BinaryForm> key, columns;
  bool all_known = false;
};

class BinaryRow {
 public:
  static constexpr CopyIn::Format format = CopyIn::Format::binary;

  /// All outlive this.
  BinaryRow(std::string& rows, const ChangeSet& changes, const BinaryForms& forms)
      : rows_(rows), changes_(changes), forms_(forms) {}
  void begin();
  bool key(const ChangeSet::Row& row, std::size_t part);
  bool value(std::size_t column, const ValueView& value) { return append_binary(rows_, forms_.columns[column], value); }
  void end() {}

 private:
  std::string& rows_;
  const ChangeSet& changes_;
  const BinaryForms& forms_;
};

}  // namespace rebuild_projection
