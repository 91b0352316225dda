#include "stages/commit/refused_batch.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "stages/commit/refusal.h"

namespace rebuild_projection {

namespace {

/// Rows of one statement: where it is refused, so many are written again.
constexpr std::size_t part_rows_max = 500;
/// Refused rows are told from their neighbours as long as they are no more than these, or one in so many that were
/// tried. Where more are refused, it takes less to fold the events of whole parts once more.
constexpr std::size_t told_apart_min = 250, told_apart_share = 16;
/// Rows that had to wait for others are tried so often again, in the order of their keys and against it.
constexpr unsigned tries_again_max = 4;

constexpr std::string_view unique_violation = "23505", exclusion_violation = "23P01";

/// Another row stands in the way. (Tables to which foreign keys refer are not written in place, and shadows have none.)
bool is_between_rows(const SqlError& error) {
  return error.sqlstate == unique_violation || error.sqlstate == exclusion_violation;
}

}  // namespace

RefusedBatch::RefusedBatch(Session& session, const Batch& batch, const std::vector<Target>& targets, Settings settings)
    : session_(session), batch_(batch), settings_(settings) {
  for (std::size_t index = 0; index < targets.size(); ++index)
    projections_.emplace_back(targets[index], batch.projections[index]).in_order = settings.on_error == OnError::stop;
}

std::vector<Committed::Projection> RefusedBatch::write() {
  session_.execute("SAVEPOINT rows");
  while (!written()) {
    session_.execute("ROLLBACK TO SAVEPOINT rows");
    for (Projection& projection : projections_) projection.begin_again();
  }
  session_.execute("RELEASE SAVEPOINT rows");
  std::vector<Committed::Projection> result;
  for (Projection& projection : projections_) {
    Committed::Projection& one = result.emplace_back(projection.written);
    for (auto& [number, event] : projection.left_out) one.refused.push_back(std::move(event));
  }
  return result;
}

/// False where it has to be done once more, with more rows apart.
bool RefusedBatch::written() {
  session_.execute("SAVEPOINT part");
  if (settings_.deferrable) session_.execute("SET CONSTRAINTS ALL DEFERRED");
  return write_rows() && fold_events();
}

// ---- rows

/// False where rows were written of which the events are to be folded.
bool RefusedBatch::write_rows() {
  const auto all_apart = [&] {
    return std::ranges::count_if(projections_, [](const Projection& one) { return one.apart.all(); });
  };
  const auto all_apart_before = all_apart();
  for (Projection& projection : projections_) {
    const auto at_once = [&](std::string_view key) {
      return !projection.apart.contains(key) && !projection.waiting.contains(key);
    };
    // What goes, goes first: another row may take a value that must be unique.
    write_rows_of(projection, Part::removals, false, at_once);
    write_rows_of(projection, Part::all, false, at_once);
    bool backwards = true;
    for (unsigned tries = 0; tries < tries_again_max; ++tries, backwards = !backwards) {
      const RowKeys refused = projection.waiting;
      if (refused.size() == 0) break;
      write_rows_of(projection, Part::all, backwards, [&](std::string_view key) { return refused.contains(key); });
      if (projection.waiting.size() == refused.size()) break;
    }
    projection.apart.add(projection.waiting);
  }
  return all_apart() == all_apart_before;
}

template <typename Wanted>
void RefusedBatch::write_rows_of(Projection& projection, Part part, bool backwards, const Wanted& wanted) {
  const ChangeSet& changes = projection.of_batch.changes;
  if (projection.apart.all() || (part == Part::removals && !changes.removes())) return;
  projection.writer->for_parts(changes, [&](const ChangeSet& set) {
    std::vector<Row> rows = set.sorted();
    std::erase_if(rows,
                  [&](Row row) { return (part == Part::removals && !row->change.removes) || !wanted(row->key()); });
    if (backwards) std::ranges::reverse(rows);
    for (std::size_t at = 0; at < rows.size(); at += part_rows_max)
      write_apart(projection, set, RowSpan(rows).subspan(at, std::min(part_rows_max, rows.size() - at)), part);
  });
}

void RefusedBatch::write_apart(Projection& projection, const ChangeSet& changes, RowSpan all, Part part) {
  projection.tried += all.size();
  std::vector<RowSpan> parts{all};
  while (!parts.empty()) {
    const RowSpan rows = parts.back();
    parts.pop_back();
    if (rows.empty()) continue;
    Verdict verdict = try_rows(projection, changes, rows, part, Trust::what_is_known);
    if (verdict.contradicts) {
      need_key(projection);
      if (try_rows(projection, changes, rows, part, Trust::nothing).accepted) {
        surprised_ = true;
        verdict.accepted = true;
      }
    }
    if (verdict.accepted) {
      for (const Row row : rows) projection.waiting.remove(row->key());
    } else if (rows.size() == 1) {
      (verdict.may_wait ? projection.waiting : projection.apart).add(rows.front()->key());
    } else if (projection.waiting.size() + projection.apart.size() >=
               told_apart_min + projection.tried / told_apart_share) {
      for (const Row row : rows) projection.waiting.add(row->key());
    } else if (verdict.refused != nullptr) {
      const auto at = static_cast<std::size_t>(std::ranges::find(rows, verdict.refused) - rows.begin());
      parts.push_back(rows.subspan(at + 1));
      parts.push_back(rows.subspan(at, 1));
      parts.push_back(rows.first(at));
    } else {
      parts.push_back(rows.subspan(rows.size() / 2));
      parts.push_back(rows.first(rows.size() / 2));
    }
  }
}

RefusedBatch::Verdict RefusedBatch::try_rows(Projection& projection, const ChangeSet& changes, RowSpan rows, Part part,
                                             Trust trust) {
  try {
    under_savepoint(projection, [&](TableWriter& writer) {
      if (part == Part::all) return writer.write_rows(session_, changes, rows, trust);
      return TableWriter::Written{0, writer.delete_rows(session_, changes, rows)};
    });
    return {.accepted = true};
  } catch (const RowsNotAsKnown&) {
    return {.contradicts = true, .may_wait = true};
  } catch (const RefusedRow& error) {
    return {.contradicts = error.sqlstate == unique_violation && rows.size() == 1,
            .may_wait = is_between_rows(error),
            .refused = error.row};
  } catch (const SqlError& error) {
    if (!error.blames_data()) throw;
    return {.contradicts = error.sqlstate == unique_violation && rows.size() == 1 && trust == Trust::what_is_known,
            .may_wait = is_between_rows(error)};
  }
}

// ---- events

bool RefusedBatch::fold_events() {
  Batch::WantedRows wanted(projections_.size());
  bool any = false;
  for (std::size_t index = 0; index < projections_.size(); ++index) {
    Projection& projection = projections_[index];
    if (projection.apart.empty()) continue;
    any = true;
    need_key(projection);
    wanted[index] = [&projection](std::string_view key) { return projection.apart.contains(key); };
  }
  if (!any) return true;
  settled_ = true;
  in_doubt_ = false;
  batch_.for_changes(wanted,
                     [&](std::size_t index, std::uint64_t number, const StoredEvent& event, const ChangeSet& changes) {
                       Projection& projection = projections_[index];
                       if (projection.left_out.contains(number)) return true;
                       projection.window.add(number, event, changes);
                       std::size_t bytes = 0;
                       for (const Projection& one : projections_) bytes += one.window.bytes();
                       if (bytes > settings_.window_bytes) settle_windows();
                       return !in_doubt_;
                     });
  settle_windows();
  return settled_;
}

void RefusedBatch::settle_windows() {
  for (Projection& projection : projections_) {
    settle(projection);
    projection.window.clear();
  }
}

/// Row by row as long as nothing but the row itself is judged; else event by event.
void RefusedBatch::settle(Projection& projection) {
  const EventChanges& window = projection.window;
  const bool in_order = projection.in_order;  // who is to blame may change it
  std::vector<Change> changes = window.changes([&](std::string_view key) { return projection.apart.contains(key); });
  if (!in_order) window.sort_by_row(changes);
  std::vector<ChangeSpan> parts;
  for (auto begin = changes.begin(); begin != changes.end();) {
    const auto end = std::find_if(begin, changes.end(), [&](const Change& change) {
      return in_order ? change.event != begin->event : window.key(change) != window.key(*begin);
    });
    parts.emplace_back(begin, end);
    begin = end;
  }
  settle_parts(projection, parts, projection.step, [&](ChangeSpan part, const SqlError& error) {
    if (in_order || part.size() == 1) return blame(projection, part, error);
    std::vector<ChangeSpan> events;
    for (std::size_t at = 0; at < part.size(); ++at) events.push_back(part.subspan(at, 1));
    std::size_t step = events.size() / 2;
    settle_parts(projection, events, step,
                 [&](ChangeSpan event, const SqlError& cause) { blame(projection, event, cause); });
  });
}

/// Writes consecutive parts, about `step` of them at once: more where these are accepted, fewer where they are refused.
/// Calls `alone` with each part that is refused by itself.
template <typename Alone>
void RefusedBatch::settle_parts(Projection& projection, std::span<const ChangeSpan> parts, std::size_t& step,
                                const Alone& alone) {
  std::size_t refused = 0;  // the parts before this one that are left are known to be refused together
  for (std::size_t begin = 0; begin < parts.size() && !in_doubt_;) {
    const bool known = refused > begin;
    const std::size_t count =
        known ? std::max<std::size_t>((refused - begin) / 2, 1) : std::min(step, parts.size() - begin);
    const std::size_t end = begin + count;
    const ChangeSpan some(parts[begin].begin(), parts[end - 1].end());
    try {
      const ChangeSet changes = projection.window.composed(some);
      under_savepoint(projection, [&](TableWriter& writer) { return writer.write(session_, changes, Trust::nothing); });
      if (!known) step = 2 * count;
      begin = end;
    } catch (const SqlError& error) {
      if (!error.blames_data()) throw;
      if (!known) step = std::max<std::size_t>(count / 2, 1);
      if (count > 1) {
        refused = end;
      } else {
        alone(some, error);
        begin = end;
      }
    }
  }
}

/// `refused` is what one event does to the rows that were written.
void RefusedBatch::blame(Projection& projection, ChangeSpan refused, const SqlError& error) {
  if (is_between_rows(error) && !(projection.apart.all() && projection.in_order)) {
    projection.apart.add_all();
    projection.in_order = true;
    projection.left_out.clear();
    settled_ = false;
    in_doubt_ = true;
    return;
  }
  const std::size_t event = refused.front().event;
  const ChangeSet changes = projection.window.composed(refused);
  DeadLetter letter = projection.window.event(event);
  letter.error = explain_refusal(session_, error, changes, *projection.table, settings_.show_values);
  if (settings_.on_error == OnError::stop) throw RefusedEvent(projection.of_batch.projector->name(), std::move(letter));
  projection.left_out.emplace(projection.window.number(event), std::move(letter));
  // It is left out of its other rows too, whether these are written or not.
  projection.window.for_keys(event, [&](std::string_view key) {
    if (std::ranges::any_of(refused, [&](const Change& change) { return projection.window.key(change) == key; }))
      return;
    projection.apart.add(key);
    projection.in_order = true;
    settled_ = false;
  });
}

// ---- both

/// What is done within the savepoint that is open is kept, or undone; another one is open then.
template <typename Write>
void RefusedBatch::under_savepoint(Projection& projection, const Write& write) {
  const TableWriter::Mark before = projection.writer->mark();
  const auto undo = [&] {
    session_.execute("ROLLBACK TO SAVEPOINT part");
    projection.writer->roll_back_to(before);
  };
  try {
    const TableWriter::Written written = write(*projection.writer);
    if (settings_.deferrable) session_.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED");
    session_.execute("RELEASE SAVEPOINT part; SAVEPOINT part");
    projection.written.rows_written += written.rows_written;
    projection.written.rows_deleted += written.rows_deleted;
  } catch (const RowsNotAsKnown&) {
    undo();
    throw;
  } catch (const SqlError& error) {
    if (error.blames_data()) undo();
    throw;
  }
}

/// A key that is made in the middle of a part would go with it.
void RefusedBatch::need_key(Projection& projection) {
  under_savepoint(projection, [&](TableWriter& writer) {
    writer.need_key(session_);
    return TableWriter::Written{};
  });
}

void RefusedBatch::Projection::begin_again() {
  writer->roll_back_to(begin);
  waiting = {};
  tried = 0;
  step = all_at_once;
  window.clear();
  written = {};
}

}  // namespace rebuild_projection
