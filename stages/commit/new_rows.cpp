#include "stages/commit/new_rows.h"

#include <algorithm>

#include "pipeline/decimal.h"
#include "stages/commit/value_text.h"

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

/// For each of some columns: whether its default is the same for every row (a constant or immutable functions of some,
/// and no other kind of expression), and whether a cast from text to its type is somebody's function, which need not do
/// what the type's input does.
constexpr const char* questions =
    "SELECT d.adbin IS NOT NULL"
    "  AND NOT EXISTS (SELECT FROM regexp_matches(d.adbin::text, '\\{([A-Z]+)', 'g') AS node(name)"
    "   WHERE node.name[1] NOT IN ('CONST', 'FUNCEXPR', 'RELABELTYPE', 'COERCETODOMAIN'))"
    "  AND NOT EXISTS (SELECT FROM regexp_matches(d.adbin::text, ':funcid (\\d+)', 'g') AS call(id)"
    "   JOIN pg_proc p ON p.oid = call.id[1]::oid WHERE p.provolatile <> 'i'),"
    " EXISTS (SELECT FROM pg_cast WHERE castsource = 'text'::regtype AND casttarget = c.type AND castmethod = 'f'"
    "  AND oid >= 16384)"
    " FROM unnest($2::text[], $3::oid[]) WITH ORDINALITY AS c(name, type, number)"
    " JOIN pg_attribute a ON a.attrelid = $1::oid AND a.attname = c.name"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum ORDER BY c.number";

void append_null(std::string& text) {
  text += CopyIn::null;
}

/// False where it takes the server to join a list.
bool append_value(std::string& text, const ValueView& value) {
  if (value.is_null()) {
    append_null(text);
  } else if (const List* list = value.list()) {
    if (list->base && !list->appended.empty()) return false;
    if (list->base)
      CopyIn::escape(text, *list->base);
    else if (list->appended.empty())
      append_null(text);
    else
      CopyIn::escape(text, array_text(*list));
  } else {
    with_text(value, [&text](std::string_view plain) { CopyIn::escape(text, plain); });
  }
  return true;
}

/// `initial` combined with the value; false where that is left to the server.
bool append_combined(std::string& text, Operation operation, const std::string& initial, const ValueView& value) {
  if (operation == Operation::append) {
    const List* list = value.list();
    return initial == "{}" && list != nullptr && !list->base && append_value(text, value);
  }
  if (operation != Operation::add) return false;
  auto sum = Decimal::parse(initial);
  auto number = std::optional<Decimal>();
  with_text(value, [&number](std::string_view digits) { number = Decimal::parse(digits); });
  if (!sum || !number) return false;
  *sum += *number;
  CopyIn::escape(text, sum->to_text());
  return true;
}

}  // namespace

void NewRows::prepare(Session& session) {
  ArrayText names;
  ArrayText types;
  std::vector<const CatalogueColumn*> columns = table_.key;
  for (const TargetTable::Target& target : table_.columns) columns.push_back(target.catalogue);
  possible_ =
      std::all_of(columns.begin(), columns.end(), [](const auto* column) { return takes_length_alike(*column); });
  for (const CatalogueColumn* column : columns) {
    names.add(column->name);
    types.add(std::to_string(column->base_oid));
  }
  const Rows answers = session.execute(questions, {std::to_string(table_.oid), names.take(), types.take()});
  for (std::size_t row = 0; row < answers.size(); ++row) possible_ = possible_ && !answers.boolean(row, 1);

  initial_.assign(table_.columns.size(), {});
  std::string constants;
  std::vector<Initial*> asked;
  for (std::size_t column = 0; column < table_.columns.size(); ++column) {
    const CatalogueColumn& catalogue = *table_.columns[column].catalogue;
    if (!catalogue.default_expression) continue;
    initial_[column].known = answers.boolean(table_.key.size() + column, 0);
    if (!initial_[column].known) continue;
    constants += (asked.empty() ? "SELECT (" : ", (") + *catalogue.default_expression + ")::" + catalogue.base_type;
    asked.push_back(&initial_[column]);
  }
  if (asked.empty()) return;
  const Rows texts = session.execute(constants);
  for (std::size_t column = 0; column < asked.size(); ++column) asked[column]->text = texts.optional(0, column);
}

std::string NewRows::target() const {
  std::string columns;
  for (const CatalogueColumn* part : table_.key) columns += (columns.empty() ? "" : ", ") + quote_name(part->name);
  for (const TargetTable::Target& target : table_.columns) columns += ", " + quote_name(target.column->name);
  return table_.name + " (" + columns + ")";
}

bool NewRows::append_column(std::string& text, std::size_t column, const ColumnChange* change) const {
  const Initial& initial = initial_[column];
  if (change != nullptr && change->action == ColumnChange::Action::replace) return append_value(text, change->value);
  if (!initial.known) return false;
  if (!initial.text && change != nullptr)
    return append_value(text, change->action == ColumnChange::Action::init ? change->value : change->when_null());
  if (!initial.text) {
    append_null(text);
    return true;
  }
  if (change != nullptr && change->action == ColumnChange::Action::combine)
    return append_combined(text, *table_.columns[column].column->operations.combining(), *initial.text, change->value);
  CopyIn::escape(text, *initial.text);
  return true;
}

bool NewRows::append_row(std::string& text, const ChangeSet& changes, const ChangeSet::Row& row) const {
  for (std::size_t part = 0; part < table_.key.size(); ++part) {
    if (part > 0) text += '\t';
    CopyIn::escape(text, changes.key_text(row, part));
  }
  const auto append = [&](std::size_t column, const ColumnChange* change) {
    text += '\t';
    return append_column(text, column, change);
  };
  std::size_t column = 0;
  for (const ColumnChange change : row.change.when_absent()) {
    for (; column < change.column; ++column)
      if (!append(column, nullptr)) return false;
    if (!append(column++, &change)) return false;
  }
  for (; column < table_.columns.size(); ++column)
    if (!append(column, nullptr)) return false;
  text += '\n';
  return true;
}

std::uint64_t NewRows::write(Session& session, const ChangeSet& changes, std::vector<const ChangeSet::Row*>& rows) {
  if (!possible_ || rows.empty()) return 0;
  std::vector<const ChangeSet::Row*> left;
  CopyIn copy(session, target());
  for (const ChangeSet::Row* row : rows) {
    const std::size_t begin = copy.text().size();
    if (append_row(copy.text(), changes, *row)) {
      copy.row_done();
    } else {
      copy.text().resize(begin);
      left.push_back(row);
    }
  }
  rows = std::move(left);
  return copy.finish();
}

}  // namespace rebuild_projection
