#include "stages/commit/table_writer.h"

namespace rebuild_projection {

TableWriter::TableWriter(const TableLayout& layout, const CatalogueTable& table, std::size_t known_bytes_max,
                         std::size_t merge_bytes)
    : table_(layout, table),
      new_rows_(table_),
      update_rows_(table_),
      merge_rows_(table_),
      known_(known_bytes_max),
      key_(layout, table),
      merge_bytes_(merge_bytes) {}

std::string TableWriter::delete_sql() const {
  ArraySource source;
  for (std::size_t part = 0; part < table_.key.size(); ++part) source.add(array_name('k', part));
  return "DELETE FROM " + table_.name + " AS t USING " + source.sql() + " WHERE " + table_.key_condition();
}

void TableWriter::prepare(Session& session, const std::string& name) {
  delete_name_ = name + "_delete";
  session.prepare(delete_name_, delete_sql());
  new_rows_.prepare(session);
  update_rows_.prepare(name + "_update");
  merge_rows_.prepare(session, name + "_merge");
}

std::uint64_t TableWriter::delete_rows(Session& session, const ChangeSet& changes,
                                       std::span<const ChangeSet::Row* const> rows) {
  if (!changes.removes()) return 0;
  std::uint64_t deleted = 0;
  StatementArrays keys(table_.key.size());
  const auto execute = [&] { deleted += session.execute_prepared(delete_name_, keys.take()).affected(); };
  for (const ChangeSet::Row* row : rows) {
    if (!row->change.removes) continue;
    key_.need(session);
    keys.key(changes, *row);
    keys.row_done();
    if (keys.full()) execute();
  }
  if (!keys.empty()) execute();
  return deleted;
}

void TableWriter::sort_unknown(const ChangeSet::Row& row, Sorted& result) {
  const RowChange& change = row.change;
  if (change.same && !change.present.empty()) {
    result.unknown.push_back({&row, MergeRows::Branch::both});
    return;
  }
  if (!change.removes && !change.present.empty()) result.unknown.push_back({&row, MergeRows::Branch::present});
  if (change.creates) result.unknown.push_back({&row, MergeRows::Branch::absent});
}

TableWriter::Sorted TableWriter::sort(std::span<const ChangeSet::Row* const> rows, Trust trust) const {
  using Presence = KnownRows::Presence;
  Sorted result;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    fetch_ahead(rows, at, FetchAhead::rows);
    const ChangeSet::Row* const row = rows[at];
    const RowChange& change = row->change;
    Presence presence = Presence::unknown;
    if (trust == Trust::what_is_known) presence = change.removes ? Presence::absent : known_.of(row->key());
    if (presence == Presence::absent && change.creates) {
      result.created.push_back(row);
    } else if (presence == Presence::present) {
      if (!change.present.empty()) result.changed.push_back(row);
    } else {
      sort_unknown(*row, result);
    }
  }
  return result;
}

TableWriter::Written TableWriter::write(Session& session, const ChangeSet& changes, Trust trust) {
  Written written;
  // Before everything else, as within a part: another row may take a value that must be unique.
  if (changes.spilled_bytes() > 0 && changes.removes())
    for_parts(changes,
              [&](const ChangeSet& part) { written.rows_deleted += delete_rows(session, part, part.sorted()); });
  for_parts(changes, [&](const ChangeSet& part) {
    const Written more = write_rows(session, part, part.sorted(), trust);
    written.rows_written += more.rows_written;
    written.rows_deleted += more.rows_deleted;
  });
  return written;
}

TableWriter::Written TableWriter::write_rows(Session& session, const ChangeSet& changes,
                                             std::span<const ChangeSet::Row* const> rows, Trust trust) {
  Written written;
  written.rows_deleted = delete_rows(session, changes, rows);

  Sorted sorted = sort(rows, trust);
  if (!sorted.changed.empty()) key_.need(session);
  written.rows_written = update_rows_.write(session, changes, sorted.changed);
  if (written.rows_written != sorted.changed.size())
    throw RowsNotAsKnown("rows of " + table_.name + " that this run wrote are gone");
  written.rows_written += new_rows_.write(session, changes, sorted.created);
  for (const ChangeSet::Row* row : sorted.created) sort_unknown(*row, sorted);  // those that only the server can make
  if (!sorted.unknown.empty()) key_.need(session);
  merge_rows_.discard();
  for (const auto& [row, branch] : sorted.unknown) merge_rows_.add(session, changes, *row, branch);
  written.rows_written += merge_rows_.finish(session);

  for (std::size_t at = 0; at < rows.size(); ++at) {
    fetch_ahead(rows, at, FetchAhead::rows);
    const RowChange& change = rows[at]->change;
    if (change.removes || change.creates) known_.wrote(rows[at]->key(), change.creates);
  }
  return written;
}

std::uint64_t TableWriter::clear(Session& session, bool truncate) {
  known_.found_empty();
  if (!truncate) return session.execute("DELETE FROM " + table_.name).affected();
  const std::uint64_t rows = session.execute("SELECT count(*) FROM " + table_.name).number(0, 0);
  session.execute("TRUNCATE " + table_.name);
  return rows;
}

void TableWriter::look_if_empty(Session& session) {
  if (session.execute("SELECT NOT EXISTS (SELECT FROM " + table_.name + ")").boolean(0, 0)) known_.found_empty();
}

}  // namespace rebuild_projection
