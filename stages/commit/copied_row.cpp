#include "stages/commit/copied_row.h"

#include <algorithm>
#include <cstdint>

#include "pipeline/byte_order.h"
#include "pipeline/key.h"
#include "stages/commit/value_text.h"

namespace rebuild_projection {

void TextRow::begin_field() {
  if (!first_) rows_ += '\t';
  first_ = false;
}

bool TextRow::key(const ChangeSet::Row& row, std::size_t part) {
  begin_field();
  CopyIn::escape(rows_, changes_.key_text(row, part));
  return true;
}

bool TextRow::value(std::size_t /*column*/, const ValueView& value) {
  begin_field();
  if (value.is_null()) {
    rows_ += CopyIn::null;
  } else if (const List* list = value.list()) {
    if (list->base && !list->appended.empty()) return false;
    if (list->base)
      CopyIn::escape(rows_, *list->base);
    else if (list->appended.empty())
      rows_ += CopyIn::null;
    else
      CopyIn::escape(rows_, array_text(*list));
  } else {
    with_text(value, [this](std::string_view plain) { CopyIn::escape(rows_, plain); });
  }
  return true;
}

BinaryForms::BinaryForms(const TargetTable& table, const std::vector<bool>& is_enum) {
  for (const CatalogueColumn* part : table.key) key.push_back(binary_form(part->base_oid, is_enum[key.size()]));
  for (const TargetTable::Target& target : table.columns)
    columns.push_back(binary_form(target.catalogue->base_oid, is_enum[key.size() + columns.size()]));
  const auto is_known = [](BinaryForm form) { return form != BinaryForm::none; };
  all_known = std::all_of(key.begin(), key.end(), is_known) && std::all_of(columns.begin(), columns.end(), is_known);
}

void BinaryRow::begin() {
  append_big_endian(rows_, static_cast<std::uint16_t>(forms_.key.size() + forms_.columns.size()));
}

bool BinaryRow::key(const ChangeSet::Row& row, std::size_t part) {
  const TableLayout& table = changes_.table();
  const BinaryForm form = forms_.key[part];
  const std::string_view bytes = key_bytes(table, row.key(), part);
  switch (table.key[part].type) {
    case ColumnType::uuid:
      return append_binary_uuid(rows_, form, bytes);
    case ColumnType::boolean:
      return append_binary_boolean(rows_, form, bytes.front() != '\0');
    case ColumnType::integer:
      return append_binary(rows_, form, ValueView::number(key_number(bytes), 0));
    case ColumnType::timestamp:
      return append_binary(rows_, form, Timestamp{key_number(bytes)});
    case ColumnType::text:
      return append_binary(rows_, form, {ValueView::Kind::text, bytes});
    default:
      return append_binary(rows_, form, {ValueView::Kind::text, changes_.key_text(row, part)});
  }
}

}  // namespace rebuild_projection
