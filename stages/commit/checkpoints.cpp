#include "stages/commit/checkpoints.h"

#include <algorithm>
#include <random>
#include <utility>

#include "pipeline/joined.h"
#include "stages/commit/checkpoint_tables.h"
#include "stages/postgres/catalogue_query.h"
#include "stages/postgres/settings.h"

namespace rebuild_projection {

namespace {

std::string drawn_at_random() {
  std::random_device device;
  std::string result;
  for (int part = 0; part < 4; ++part) result += (part == 0 ? "" : "-") + std::to_string(device());
  return result;
}

}  // namespace

Checkpoints::Checkpoints(std::string schema, std::vector<Identity> identities, Of of)
    : schema_(std::move(schema)),
      identities_(std::move(identities)),
      of_(of),
      checkpoints_(quote_name(schema_, name_of_checkpoints(of))),
      dead_letters_(quote_name(schema_, name_of_dead_letters(of))),
      run_(drawn_at_random()) {}

std::string Checkpoints::names() const {
  ArrayText array;
  for (const Identity& identity : identities_) array.add(identity.projection);
  return array.take();
}

void Checkpoints::start(Session& session) const {
  for (const Identity& identity : identities_)
    session.execute("INSERT INTO " + checkpoints_ + " (projection_name, " + std::string(identity_columns) +
                        ", state) VALUES ($1, " + std::string(identity_values) + ", '" + checkpoint_state::starting +
                        "') ON CONFLICT DO NOTHING",
                    parameters_of(identity));
}

namespace {

void refuse_altered(const Checkpoints::Identity& identity, std::string_view fingerprint) {
  if (identity.fingerprint == fingerprint) return;
  throw RunError("the table " + identity.table +
                 " was altered during the run, so that what was checked before need not hold; what was written since "
                 "was rolled back");
}

void refuse_altered(const Checkpoints::Identity& identity, Session& session) {
  const Rows now = session.execute("SELECT " + fingerprint_sql("$1::oid"), {std::to_string(identity.table_oid)});
  refuse_altered(identity, now.text(0, 0));
}

}  // namespace

void Checkpoints::refuse_altered(Session& session) const {
  for (const Identity& identity : identities_) rebuild_projection::refuse_altered(identity, session);
}

void Checkpoints::prepare(Session& session) const {
  session.prepare("checkpoint_advance",
                  "UPDATE " + checkpoints_ +
                      " AS c SET last_event_id = $1, last_ts = $2::timestamptz, position = $3::text[],"
                      " first_position = coalesce(c.first_position, $4::text[]), events = c.events + new.events,"
                      " batches = c.batches + 1, updated_at = clock_timestamp()"
                      " FROM unnest($5::text[], $6::bigint[]) AS new(name, events)"
                      " WHERE c.projection_name = new.name AND c.run = $7 RETURNING c.projection_name, " +
                      (writes_live_tables() ? fingerprint_sql("c.table_oid::oid") : "NULL"));
}

void Checkpoints::begin(Session& session, std::size_t projection, const Start& start) const {
  const Identity& identity = identities_[projection];
  if (writes_live_tables()) {
    rebuild_projection::refuse_altered(identity, session);
    own_table(session, identity);
  }
  if (start.how == Begin::resumed) {
    const Rows rows = session.execute(
        "UPDATE " + checkpoints_ +
            " SET run = $2, state = $3, late_events = coalesce(late_events, nullif($5, ''))"
            " WHERE projection_name = $1 AND position = $4::text[]",
        {identity.projection, run_, checkpoint_state::running, array_of(start.after.value()), start.late_events});
    if (rows.affected() != 1)
      throw RunError(
          "projection " + identity.projection +
          ": its checkpoint was moved before the first batch, by something else than this program; try again");
    return;
  }
  Session::Parameters parameters = parameters_of(identity);
  parameters.emplace_back(start.how == Begin::partial ? checkpoint_state::partial : checkpoint_state::running);
  parameters.emplace_back(run_);
  parameters.emplace_back(start.late_events);
  session.execute("UPDATE " + checkpoints_ + " SET (" + std::string(identity_columns) + ") = ROW (" +
                      std::string(identity_values) +
                      "), state = $11, run = $12, late_events = nullif($13, ''), last_event_id = NULL, last_ts = NULL, "
                      "position = NULL,"
                      " first_position = NULL, events = 0, batches = 0, updated_at = clock_timestamp()"
                      " WHERE projection_name = $1",
                  parameters);
  session.execute("DELETE FROM " + dead_letters_ + " WHERE projection_name = $1", {identity.projection});
}

void Checkpoints::advance(Session& session, const Batch& batch) const {
  ArrayText names;
  ArrayText events;
  std::uint64_t expected = 0;
  for (std::size_t index = 0; index < identities_.size(); ++index) {
    if (batch.projections[index].events == 0) continue;
    names.add(identities_[index].projection);
    events.add(std::to_string(batch.projections[index].events));
    ++expected;
  }
  const Rows rows = session.execute_prepared("checkpoint_advance",
                                             {batch.last_event_id, batch.last_ts, array_of(batch.last_position),
                                              array_of(batch.first_position), names.take(), events.take(), run_});
  if (rows.affected() != expected)
    throw RunError("a row of " + checkpoints_ +
                   " is gone or another run's: somebody changed it during the run; run the rebuild again");
  for (std::size_t row = 0; writes_live_tables() && row < rows.size(); ++row)
    rebuild_projection::refuse_altered(*std::ranges::find(identities_, rows.text(row, 0), &Identity::projection),
                                       rows.text(row, 1));
}

Checkpoints::Standing Checkpoints::lock(Session& session, std::size_t projection, const Step& step) const {
  const auto text = [](const std::optional<Position>& position) {
    return position ? std::optional(array_of(*position)) : std::nullopt;
  };
  const Rows rows = session.execute(
      "SELECT run IS NOT DISTINCT FROM $2, position IS NOT DISTINCT FROM $3::text[],"
      " position IS NOT DISTINCT FROM $4::text[] FROM " +
          checkpoints_ + " WHERE projection_name = $1 FOR UPDATE",
      {identities_[projection].projection, run_, text(step.from), text(step.to)});
  if (rows.size() == 0) return Standing::elsewhere;
  if (writes_live_tables() && (rows.boolean(0, 0) || !step.first)) refuse_lost_rows(session, identities_[projection]);
  const bool of_this_run = rows.boolean(0, 0), at_from = rows.boolean(0, 1), at_to = rows.boolean(0, 2);
  if (of_this_run && at_to) return Standing::after;
  if (of_this_run == step.first) return Standing::elsewhere;
  return at_from || (step.first && !step.from) ? Standing::before : Standing::elsewhere;
}

void Checkpoints::add_dead_letters(Session& session, std::size_t projection,
                                   const std::vector<DeadLetter>& letters) const {
  if (letters.empty()) return;
  // A position is an array of its own, which unnest would flatten: it travels as its text.
  ArrayText ids;
  ArrayText positions;
  ArrayText errors;
  for (const DeadLetter& letter : letters) {
    ids.add(letter.event_id);
    positions.add(array_of(letter.position));
    errors.add(letter.error);
  }
  session.execute("INSERT INTO " + dead_letters_ +
                      " (projection_name, event_id, position, error)"
                      " SELECT $1, d.id, d.position::text[], d.error"
                      " FROM unnest($2::text[], $3::text[], $4::text[]) AS d(id, position, error)",
                  {identities_[projection].projection, ids.take(), positions.take(), errors.take()});
}

void Checkpoints::finish(Session& session, bool complete, const std::optional<std::string>& late_events) const {
  session.execute(pin_again({"synchronous_commit"}));
  session.execute("UPDATE " + checkpoints_ +
                      " SET state = CASE WHEN $1::boolean AND state = $2 THEN $3 ELSE state END,"
                      " late_events = CASE WHEN $5::text IS NULL THEN late_events ELSE nullif($5, '') END,"
                      " updated_at = clock_timestamp() WHERE projection_name = ANY ($4::text[])",
                  {complete ? "t" : "f", checkpoint_state::running, checkpoint_state::complete, names(), late_events});
}

}  // namespace rebuild_projection
