#include "stages/commit/statement_arrays.h"

#include "stages/commit/value_text.h"

namespace rebuild_projection {

namespace {

/// Rows and bytes of one statement's arrays at the most: the server holds them several times over while it runs, and a
/// value cannot exceed 1 GB.
constexpr std::size_t statement_rows_max = 20'000;
constexpr std::size_t statement_bytes_max = std::size_t{32} << 20;

}  // namespace

std::string array_text(const List& list) {
  ArrayText elements;
  for (const auto& element : list.appended) element ? elements.add(*element) : elements.add_null();
  return elements.take();
}

void ArraySource::add(const std::string& name, const std::string& type) {
  parameters_ += (size_ == 0 ? "$" : ", $") + std::to_string(size_ + 1) + "::" + type + "[]";
  names_ += (size_ == 0 ? "" : ", ") + name;
  ++size_;
}

void StatementArrays::text(std::string_view text) {
  arrays_[next_++].add(text);
  bytes_ += text.size() + 3;
}

void StatementArrays::null() {
  arrays_[next_++].add_null();
  bytes_ += 5;
}

void StatementArrays::value(const ValueView& value) {
  if (value.is_null()) return null();
  if (const List* list = value.list()) return list->base ? text(*list->base) : null();
  with_text(value, [this](std::string_view plain) { text(plain); });
}

void StatementArrays::appended(const ValueView& value) {
  const List* list = value.list();
  if (list == nullptr || list->appended.empty()) return null();
  text(array_text(*list));
}

void StatementArrays::key(const ChangeSet& changes, const ChangeSet::Row& row) {
  for (std::size_t part = 0; part < changes.table().key.size(); ++part) text(changes.key_text(row, part));
}

void StatementArrays::row_done() {
  next_ = 0;
  ++rows_;
}

bool StatementArrays::full() const {
  return rows_ >= statement_rows_max || bytes_ >= statement_bytes_max;
}

Session::Parameters StatementArrays::take() {
  Session::Parameters parameters;
  parameters.reserve(arrays_.size());
  for (ArrayText& array : arrays_) parameters.emplace_back(array.take());
  rows_ = bytes_ = 0;
  return parameters;
}

}  // namespace rebuild_projection
