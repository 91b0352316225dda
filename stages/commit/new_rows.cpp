#include "stages/commit/new_rows.h"

#include <algorithm>

#include "stages/postgres/copy_in.h"

namespace rebuild_projection {

namespace {

/// COPY gives a text to the column's input function together with the column's length or precision; a MERGE casts
/// first, and the assignment to the column sees to the length. Of types that have none, and of these, it is the same.
/// Not of bit(n), nor of intervals with fields, nor of arrays of such.
bool takes_length_alike(const CatalogueColumn& column) {
  constexpr std::uint32_t bpchar = 1042, varchar = 1043, timestamp = 1114, timestamptz = 1184, numeric = 1700;
  if (column.type_modifier == -1) return true;
  for (const std::uint32_t type : {bpchar, varchar, timestamp, timestamptz, numeric})
    if (column.base_oid == type) return true;
  return false;
}

/// For each of some types: whether a cast from text to it is somebody's function, which need not do what the type's
/// input does, and whether it is an enum.
constexpr const char* questions =
    "SELECT EXISTS (SELECT FROM pg_cast WHERE castsource = 'text'::regtype AND casttarget = c.type AND castmethod = 'f'"
    "  AND oid >= 16384),"
    " (SELECT typtype = 'e' FROM pg_type WHERE oid = c.type)"
    " FROM unnest($1::oid[]) WITH ORDINALITY AS c(type, number) ORDER BY c.number";

/// A batch of so few rows goes in one format: another COPY takes longer than it saves.
constexpr std::size_t few_rows = 1'000;
/// So many rows one after another that the binary format cannot take say that the rest is hardly worth a try.
constexpr std::size_t misses_max = 64;

}  // namespace

void NewRows::prepare(Session& session) {
  ArrayText types;
  std::vector<const CatalogueColumn*> columns = table_.key;
  for (const TargetTable::Target& target : table_.columns) columns.push_back(target.catalogue);
  possible_ =
      std::all_of(columns.begin(), columns.end(), [](const auto* column) { return takes_length_alike(*column); });
  for (const CatalogueColumn* column : columns) types.add(std::to_string(column->base_oid));
  const Rows answers = session.execute(questions, {types.take()});
  std::vector<bool> is_enum;
  for (std::size_t row = 0; row < answers.size(); ++row) {
    possible_ = possible_ && !answers.boolean(row, 0);
    is_enum.push_back(answers.boolean(row, 1));
  }
  forms_ = BinaryForms(table_, is_enum);
  ask_initial(session);
}

void NewRows::ask_initial(Session& session) {
  initial_.assign(table_.columns.size(), {});
  std::string constants;
  std::vector<Initial*> asked;
  for (std::size_t column = 0; column < table_.columns.size(); ++column) {
    const CatalogueColumn& catalogue = *table_.columns[column].catalogue;
    if (!catalogue.default_expression) continue;
    initial_[column].known = catalogue.constant_default;
    if (!initial_[column].known) continue;
    constants += (asked.empty() ? "SELECT " : ", ") + initial_sql(catalogue);
    asked.push_back(&initial_[column]);
  }
  if (asked.empty()) return;
  const Rows texts = session.execute(constants);
  for (std::size_t column = 0; column < asked.size(); ++column) {
    asked[column]->text = texts.optional(0, column);
    if (asked[column]->text) asked[column]->number = Decimal::parse(*asked[column]->text);
  }
}

std::string NewRows::target() const {
  std::string columns;
  for (const CatalogueColumn* part : table_.key) columns += (columns.empty() ? "" : ", ") + quote_name(part->name);
  for (const TargetTable::Target& target : table_.columns) columns += ", " + quote_name(target.column->name);
  return table_.name + " (" + columns + ")";
}

/// What the column begins with, combined with the value; false where that is left to the server.
template <typename Format>
bool NewRows::append_combined(Format& format, std::size_t column, const ValueView& value) const {
  const Initial& initial = initial_[column];
  const Operation operation = *table_.columns[column].column->operations.combining();
  if (operation == Operation::append) {
    const List* list = value.list();
    return initial.text == "{}" && list != nullptr && !list->base && format.value(column, value);
  }
  if (operation != Operation::add || !initial.number) return false;
  Decimal sum = *initial.number;
  sum += value.to_decimal();
  return format.value(column, sum);
}

template <typename Format>
bool NewRows::append_column(Format& format, std::size_t column, const ColumnChange* change) const {
  const Initial& initial = initial_[column];
  if (change != nullptr && change->action == ColumnChange::Action::replace) return format.value(column, change->value);
  if (!initial.known) return false;
  if (!initial.text && change != nullptr)
    return format.value(column, change->action == ColumnChange::Action::init ? change->value : change->when_null());
  if (!initial.text) return format.value(column, {});
  if (change != nullptr && change->action == ColumnChange::Action::combine)
    return append_combined(format, column, change->value);
  return format.value(column, {ValueView::Kind::text, *initial.text});
}

template <typename Format>
bool NewRows::append_row(Format& format, const ChangeSet::Row& row) const {
  format.begin();
  for (std::size_t part = 0; part < table_.key.size(); ++part)
    if (!format.key(row, part)) return false;
  std::size_t column = 0;
  for (const ColumnChange change : row.change.when_absent()) {
    for (; column < change.column; ++column)
      if (!append_column(format, column, nullptr)) return false;
    if (!append_column(format, column++, &change)) return false;
  }
  for (; column < table_.columns.size(); ++column)
    if (!append_column(format, column, nullptr)) return false;
  format.end();
  return true;
}

template <typename Format, typename... More>
std::uint64_t NewRows::copy(Session& session, const ChangeSet& changes, std::vector<const ChangeSet::Row*>& rows,
                            const More&... more) const {
  constexpr bool tries = Format::format == CopyIn::Format::binary;
  CopyIn copy(session, target(), Format::format);
  Format format(copy.unsent(), changes, more...);
  std::vector<const ChangeSet::Row*> sent;
  sent.reserve(rows.size());
  std::size_t left = 0, misses = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    fetch_ahead(rows, row, FetchAhead::changes);
    const std::size_t begin = copy.unsent().size();
    if (append_row(format, *rows[row])) {
      misses = 0;
      copy.row_done();
      sent.push_back(rows[row]);
      continue;
    }
    if (tries && rows.size() <= few_rows && !copy.started()) return 0;
    copy.unsent().resize(begin);
    rows[left++] = rows[row];
    if (tries && ++misses == misses_max) {
      for (++row; row < rows.size(); ++row) rows[left++] = rows[row];
      break;
    }
  }
  rows.resize(left);
  try {
    return copy.finish();
  } catch (const SqlError& error) {
    const auto row = error.blames_data() ? copy.refused_row(table_.plain_name) : std::nullopt;
    if (!row || *row >= sent.size()) throw;
    throw RefusedRow(error, sent[*row]);
  }
}

std::uint64_t NewRows::write(Session& session, const ChangeSet& changes, std::vector<const ChangeSet::Row*>& rows) {
  if (!possible_ || rows.empty()) return 0;
  std::uint64_t written = 0;
  if (forms_.all_known) written += copy<BinaryRow>(session, changes, rows, forms_);
  if (!rows.empty()) written += copy<TextRow>(session, changes, rows);
  return written;
}

}  // namespace rebuild_projection
