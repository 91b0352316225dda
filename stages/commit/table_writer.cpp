#include "stages/commit/table_writer.h"

#include <algorithm>

namespace rebuild_projection {

namespace {

/// Rows and bytes of one statement's arrays at the most: the server holds them several times over while it plans and
/// runs, and a value cannot exceed 1 GB.
constexpr std::size_t statement_rows_max = 20'000;
constexpr std::size_t statement_bytes_max = std::size_t{32} << 20;

// Which of a row's two branches a source row of the MERGE carries.
constexpr std::string_view both_branches = "b", present_branch = "p", absent_branch = "a";

// What happens to a column: see ColumnChange::Action; a column without a change is kept.
constexpr std::string_view keep = "k", replace = "r", init = "i", combine = "c";

std::string_view letter(ColumnChange::Action action) {
  switch (action) {
    case ColumnChange::Action::replace:
      return replace;
    case ColumnChange::Action::init:
      return init;
    case ColumnChange::Action::combine:
      break;
  }
  return combine;
}

std::string name(char prefix, std::size_t column) {
  return prefix + std::to_string(column);
}
std::string source(char prefix, std::size_t column) {
  return "d." + name(prefix, column);
}

}  // namespace

TableWriter::TableWriter(const TableLayout& layout, const CatalogueTable& table) : table_(table) {
  for (const Column& column : layout.key) key_.push_back(table.find(column.name));
  for (const Column& column : layout.columns) {
    const auto combining = column.operations.combining();
    targets_.push_back({&column, table.find(column.name), combining.has_value(), combining == Operation::append});
  }
}

std::string TableWriter::table_name() const {
  return quote_name(table_.schema, table_.name);
}

std::string TableWriter::key_condition() const {
  std::string result;
  for (std::size_t part = 0; part < key_.size(); ++part)
    result += (part == 0 ? "t." : " AND t.") + quote_name(key_[part]->name) + " = " + source('k', part) +
              "::" + key_[part]->base_type;
  return result;
}

/// SQL for the column's new value, where `current` is SQL for its present one.
std::string TableWriter::result_expression(std::size_t column, const std::string& current) const {
  const Target& target = targets_[column];
  const std::string type = "::" + target.catalogue->base_type;
  std::string value = source('v', column) + type;
  std::string if_null = source('n', column) + type;
  std::string combined;
  if (target.combines) {
    switch (*target.column->operations.combining()) {
      case Operation::add:  // in numeric, so that only the result has to fit the column, not the batch's sum on its way
        combined = "((" + current + ")::numeric + " + source('v', column) + "::numeric)" + type;
        break;
      case Operation::min:  // a tie keeps the earlier value: 1.0 stays 1.0 when 1.00 comes
        combined = "CASE WHEN " + value + " < " + current + " THEN " + value + " ELSE " + current + " END";
        break;
      case Operation::max:
        combined = "CASE WHEN " + value + " > " + current + " THEN " + value + " ELSE " + current + " END";
        break;
      default:
        combined = current + " || " + source('w', column) + type;
        value = "array_cat(" + value + ", " + source('w', column) + type + ")";
        if_null = "array_cat(" + if_null + ", " + source('m', column) + type + ")";
    }
  }
  std::string result = "CASE " + source('o', column) + " WHEN 'k' THEN " + current + " WHEN 'r' THEN " + value +
                       " WHEN 'i' THEN coalesce(" + current + ", " + value + ")";
  if (target.combines)
    result += " ELSE CASE WHEN (" + current + ") IS NULL THEN " + if_null + " ELSE " + combined + " END";
  return result + " END";
}

std::string TableWriter::merge_sql() const {
  std::string arrays;
  std::string names;
  std::size_t parameter = 0;
  auto add_array = [&](const std::string& array) {
    arrays += (arrays.empty() ? "$" : ", $") + std::to_string(++parameter) + "::text[]";
    names += (names.empty() ? "" : ", ") + array;
  };
  std::string insert_columns;
  std::string insert_values;
  std::string updates;
  for (std::size_t part = 0; part < key_.size(); ++part) {
    add_array(name('k', part));
    insert_columns += (part == 0 ? "" : ", ") + quote_name(key_[part]->name);
    insert_values += (part == 0 ? "" : ", ") + source('k', part) + "::" + key_[part]->base_type;
  }
  add_array("branch");
  for (std::size_t column = 0; column < targets_.size(); ++column) {
    const Target& target = targets_[column];
    add_array(name('o', column));
    add_array(name('v', column));
    if (target.combines) add_array(name('n', column));
    if (target.appends) {
      add_array(name('w', column));
      add_array(name('m', column));
    }
    const std::string quoted_name = quote_name(target.column->name);
    const auto& expression = target.catalogue->default_expression;
    const std::string initial = (expression ? "(" + *expression + ")" : "NULL") + "::" + target.catalogue->base_type;
    insert_columns += ", " + quoted_name;
    insert_values += ", " + result_expression(column, initial);
    updates += (updates.empty() ? "" : ", ") + quoted_name + " = " + result_expression(column, "t." + quoted_name);
  }
  return "MERGE INTO " + table_name() + " AS t USING unnest(" + arrays + ") AS d(" + names + ") ON " + key_condition() +
         (updates.empty() ? "" : " WHEN MATCHED AND d.branch <> 'a' THEN UPDATE SET " + updates) +
         " WHEN NOT MATCHED AND d.branch <> 'p' THEN INSERT (" + insert_columns + ")" +
         (std::any_of(key_.begin(), key_.end(), [](const CatalogueColumn* part) { return part->identity_always; })
              ? " OVERRIDING SYSTEM VALUE"
              : "") +
         " VALUES (" + insert_values + ")";
}

std::string TableWriter::delete_sql() const {
  std::string arrays;
  std::string names;
  for (std::size_t part = 0; part < key_.size(); ++part) {
    arrays += (part == 0 ? "$" : ", $") + std::to_string(part + 1) + "::text[]";
    names += (part == 0 ? "" : ", ") + name('k', part);
  }
  return "DELETE FROM " + table_name() + " AS t USING unnest(" + arrays + ") AS d(" + names + ") WHERE " +
         key_condition();
}

void TableWriter::prepare(Session& session, const std::string& prefix) {
  merge_name_ = prefix + "_merge";
  delete_name_ = prefix + "_delete";
  session.prepare(merge_name_, merge_sql());
  session.prepare(delete_name_, delete_sql());
}

/// Gathers rows into the arrays of one statement.
class TableWriter::Encoder {
 public:
  explicit Encoder(const TableWriter& writer) : writer_(writer), arrays_(array_count(writer)) {}

  void add(const ChangeSet& set, const ChangeSet::Row& row, std::string_view branch, const ColumnChanges& changes) {
    next_ = 0;
    for (std::size_t part = 0; part < writer_.key_.size(); ++part) text(set.key_text(row, part));
    text(branch);
    std::size_t next_change = 0;
    for (std::size_t column = 0; column < writer_.targets_.size(); ++column) {
      const bool any_left = next_change < changes.size();
      const ColumnChange change = any_left ? changes[next_change] : ColumnChange{};
      const bool changed = any_left && change.column == column;
      encode(writer_.targets_[column], changed ? &change : nullptr);
      if (changed) ++next_change;
    }
    ++rows_;
  }

  [[nodiscard]] bool empty() const { return rows_ == 0; }
  [[nodiscard]] bool full() const { return rows_ >= statement_rows_max || bytes_ >= statement_bytes_max; }

  Session::Parameters take() {
    Session::Parameters parameters;
    for (ArrayText& array : arrays_) parameters.emplace_back(array.take());
    rows_ = bytes_ = 0;
    return parameters;
  }

 private:
  static std::size_t array_count(const TableWriter& writer) {
    std::size_t count = writer.key_.size() + 1;
    for (const Target& target : writer.targets_) count += 2U + (target.combines ? 1U : 0U) + (target.appends ? 2U : 0U);
    return count;
  }

  void encode(const Target& target, const ColumnChange* change) {
    text(change == nullptr ? keep : letter(change->action));
    value(change == nullptr ? nullptr : &change->value);
    const bool combines = change != nullptr && change->action == ColumnChange::Action::combine;
    if (target.combines) value(combines ? &change->when_null() : nullptr);
    if (!target.appends) return;
    appended(change == nullptr ? nullptr : &change->value);
    appended(combines ? &change->when_null() : nullptr);
  }

  void value(const ValueView* value) {
    if (value == nullptr || value->is_null()) return null();
    if (const List* list = value->list()) return list->base ? text(*list->base) : null();
    if (value->is_text()) return text(value->text());
    text(to_text(*value));
  }

  void appended(const ValueView* value) {
    const List* list = value == nullptr ? nullptr : value->list();
    if (list == nullptr || list->appended.empty()) return null();
    ArrayText elements;
    for (const auto& element : list->appended) element ? elements.add(*element) : elements.add_null();
    text(elements.take());
  }

  void text(std::string_view text) {
    arrays_[next_++].add(text);
    bytes_ += text.size() + 3;
  }
  void null() {
    arrays_[next_++].add_null();
    bytes_ += 5;
  }

  const TableWriter& writer_;
  std::vector<ArrayText> arrays_;
  std::size_t next_ = 0;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

TableWriter::Written TableWriter::write(Session& session, const ChangeSet& changes) const {
  Written written;
  const std::vector<const ChangeSet::Row*> rows = changes.sorted();

  std::vector<ArrayText> keys(key_.size());
  std::size_t deletes = 0;
  auto delete_rows = [&] {
    Session::Parameters parameters;
    for (ArrayText& part : keys) parameters.emplace_back(part.take());
    written.rows_deleted += session.execute_prepared(delete_name_, parameters).affected();
    deletes = 0;
  };
  for (const ChangeSet::Row* row : rows) {
    if (!row->change.removes) continue;
    for (std::size_t part = 0; part < keys.size(); ++part) keys[part].add(changes.key_text(*row, part));
    if (++deletes == statement_rows_max) delete_rows();
  }
  if (deletes > 0) delete_rows();

  Encoder encoder(*this);
  auto merge_rows = [&] { written.rows_written += session.execute_prepared(merge_name_, encoder.take()).affected(); };
  for (const ChangeSet::Row* row : rows) {
    const RowChange& change = row->change;
    if (change.same && !change.present.empty()) {
      encoder.add(changes, *row, both_branches, change.present);
    } else {
      if (!change.removes && !change.present.empty()) encoder.add(changes, *row, present_branch, change.present);
      if (change.creates) encoder.add(changes, *row, absent_branch, change.when_absent());
    }
    if (encoder.full()) merge_rows();
  }
  if (!encoder.empty()) merge_rows();
  return written;
}

std::uint64_t TableWriter::clear(Session& session, bool truncate) const {
  if (!truncate) return session.execute("DELETE FROM " + table_name()).affected();
  const std::uint64_t rows = session.execute("SELECT count(*) FROM " + table_name()).number(0, 0);
  session.execute("TRUNCATE " + table_name());
  return rows;
}

}  // namespace rebuild_projection
