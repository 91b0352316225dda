#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/event.h"
#include "stages/postgres/session.h"
#include "stages/read/payload_selection.h"
#include "stages/read/store_column.h"
#include "stages/read/store_file.h"
#include "stages/read/wire_form.h"

namespace rebuild_projection {

/// Which events a run replays: those that satisfy every part.
struct EventRange {
  std::optional<Position> after;        ///< position > this
  std::optional<Position> last;         ///< position <= this
  std::optional<Position> stretch_end;  ///< and position <= this
  std::optional<Position> up_to;        ///< and position <= this, whether there is an event or not
  bool beyond_horizon = false;          ///< also those that the store file's horizon hides: whatever can be seen
  std::vector<std::string> where;       ///< SQL conditions on the event, over the alias e
  std::string text = "all events";      ///< for a person
};

/// How a store file meets its database: which columns there are, of which types, and the SQL over them. Constant after
/// construction; any thread.
class EventStore {
 public:
  /// Looks the relation and its columns up. Throws UsageError with every mistake, each with file and line.
  EventStore(StoreFile file, Session& session);

  enum class Payload : std::uint8_t { jsonb, json, text, bytea };

  [[nodiscard]] const StoreFile& file() const { return file_; }
  [[nodiscard]] Payload payload() const { return payload_; }
  [[nodiscard]] bool has_ts() const { return !file_.ts.empty(); }
  /// Whether every event before a moment comes before every event after it.
  [[nodiscard]] bool ordered_by_ts() const { return has_ts() && file_.order.front() == file_.ts; }

  /// An event goes by the name in `types` to which the server says that its type is equal, however it is spelled there:
  /// 'put' of a citext or a char(n), 1.1 of a numeric. Throws UsageError if two of them are equal. To be called once,
  /// with all types that anybody names, before events are read.
  void name_types(Session& session, const std::vector<std::string>& types);

  /// Whether payloads may be asked for in part: their members can be told apart by the server, and what is not asked
  /// for cannot be malformed.
  [[nodiscard]] bool can_send_members() const { return why_no_members_.empty(); }
  /// Why not, as a clause; empty: they may.
  [[nodiscard]] const std::string& why_no_members() const { return why_no_members_; }
  /// Its database is SQL_ASCII: what it holds may be no UTF-8, whatever the type.
  [[nodiscard]] bool lacks_encoding() const { return lacks_encoding_; }

  /// Where a value stands in a row that events() selects; nullopt where the store has no such column.
  struct Columns {
    std::size_t type = 0;
    std::optional<std::size_t> event_id, ts, stream_id, metadata;
    std::vector<std::size_t> order;
  };
  [[nodiscard]] const Columns& columns() const { return columns_; }
  /// Of the columns of a row that events() selects; those of the payload follow them.
  [[nodiscard]] const std::vector<StoredValue::Form>& wire_forms() const { return wire_forms_; }

  /// The relation as it stands behind FROM.
  [[nodiscard]] const std::string& from_in_sql() const { return from_; }
  /// Of what decides which events there are and in which order: another one is another store.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  /// SELECT of the range's events in position order, without a semicolon: wire_forms(), then the selection's columns.
  /// With `left_out`, NULL in place of each column for which it says true.
  [[nodiscard]] std::string events(const EventRange& range, const PayloadSelection& payloads,
                                   const std::vector<bool>& left_out = {}) const;
  /// Names of the store's columns that the columns of events() are.
  [[nodiscard]] std::vector<std::string> column_names(const PayloadSelection& payloads) const;
  /// SELECT of their positions alone, as texts.
  [[nodiscard]] std::string positions(const EventRange& range) const;
  /// Number of events in the range.
  [[nodiscard]] std::uint64_t count(Session& session, const EventRange& range) const;
  /// What the server's planner thinks it is, from its statistics: known at once, however many there are; 0 where it
  /// says nothing.
  [[nodiscard]] std::uint64_t estimate(Session& session, const EventRange& range) const;
  /// Position of the first and the last event in the range; nullopt where it is empty.
  [[nodiscard]] std::optional<Position> first(Session& session, const EventRange& range) const;
  [[nodiscard]] std::optional<Position> last(Session& session, const EventRange& range) const;
  /// Those of the positions at which there is an event, in position order, each once.
  [[nodiscard]] std::vector<Position> in_order(Session& session, const std::vector<Position>& positions) const;
  /// Id of the event at a position, or what it goes by; nullopt where there is none.
  [[nodiscard]] std::optional<std::string> event_id_at(Session& session, const Position& position) const;
  /// How far a position is behind the store's end.
  struct Lag {
    std::uint64_t events = 0;         ///< after it
    std::optional<std::string> time;  ///< by which the last of them is later than `ts`, for a person
  };
  [[nodiscard]] Lag lag(Session& session, const Position& position, const std::optional<std::string>& ts) const;
  /// Position of the event that has so many events of the range after it; nullopt where there are not so many.
  [[nodiscard]] std::optional<Position> from_end(Session& session, const EventRange& range, std::uint64_t events) const;
  /// Throws UsageError if an event has NULL in an order column: it would have no place, and be lost in silence.
  void refuse_null_positions(Session& session) const;
  /// Throws UsageError if two events of the range share a position. Looks at them only where no unique index rules it
  /// out.
  void refuse_shared_positions(Session& session, const EventRange& range) const;
  /// Position of one event; nullopt where there is none. Throws UsageError if `event_id` is not of the column's type,
  /// or does not tell one event from all others.
  [[nodiscard]] std::optional<Position> find(Session& session, const std::string& event_id) const;
  /// A position as the database prints it, of values that a person or another program gave for the order columns.
  /// Throws UsageError, a clause after `from`, where they are none.
  [[nodiscard]] Position read_position(Session& session, const Position& given, const std::string& from) const;
  /// Whether `position` is not before `other`.
  [[nodiscard]] bool not_before(Session& session, const Position& position, const Position& other) const;
  /// Whether there is no event at or after a position. `beyond_horizon` as in EventRange.
  [[nodiscard]] bool ends_before(Session& session, const Position& position, bool beyond_horizon) const;
  /// Whether the range has an event.
  [[nodiscard]] bool has_event(Session& session, const EventRange& range) const;
  /// Adds "ts >= from" or "ts < to" to a range; `moment` is ISO 8601.
  void limit_ts(EventRange& range, const char* comparison, const std::string& moment) const;
  /// Adds what limit_ts() leaves out, events without a time too.
  void leave_out_ts(EventRange& range, const char* comparison, const std::string& moment) const;
  /// Adds that the event is of one of these types.
  void limit_types(EventRange& range, const std::vector<std::string>& types) const;
  /// A condition (EventRange::where) that holds for every event whose stream id, taken as a value of type `type` (an
  /// oid), is one of `values`. nullopt where there is none that the server can check.
  [[nodiscard]] std::optional<std::string> stream_condition(const std::vector<std::string>& values,
                                                            std::uint32_t type) const;
  /// Whether the order can be read from an index, without sorting. `session` must be in a transaction.
  [[nodiscard]] bool order_is_indexed(Session& session) const;
  /// The CREATE INDEX that would serve the order; empty where its columns are not of one table.
  [[nodiscard]] const std::string& create_index() const { return create_index_; }
  /// The table's, or the view's, column that the order's first column is; nullopt where it is computed.
  [[nodiscard]] const std::optional<Rows::Origin>& drawn_in() const { return drawn_in_; }
  /// Oids of the tables that the store's relation reads, with every partition, parent and child of them.
  [[nodiscard]] std::vector<std::uint32_t> relations(Session& session) const;
  /// The option that begins a run after this event, as it is typed into a shell.
  [[nodiscard]] std::string option_to_begin_after(const std::string& event_id, const Position& position) const;

 private:
  void look_up_relation(Session& session);
  void look_up_columns(Session& session);
  /// What else is wrong with the file's SQL, a line a mistake; the columns are there.
  [[nodiscard]] std::string sql_mistakes(Session& session) const;
  void look_up_origins(Session& session);
  [[nodiscard]] std::string from_mistake(const SqlError& error) const;
  [[nodiscard]] bool order_is_known_to_be_unique(Session& session) const;
  /// Gives a column the role that a key of the file says. Returns a mistake's line, or "".
  std::string take_column(const std::string& key, const StoreColumn& column);
  /// Has the rows hold `sql`, of a column, that travels as `form`: says at which place.
  std::size_t select(const StoreColumn& column, const std::string& sql, StoredValue::Form form);
  [[nodiscard]] std::string order_columns(std::string_view suffix) const;
  /// Of the event in work: its position, as it is shown.
  [[nodiscard]] std::string position() const;
  /// A condition that the event's position is before, at or after this one.
  [[nodiscard]] std::string is(StoreColumn::Operator how, const Position& position) const;
  [[nodiscard]] std::string where(const EventRange& range) const;
  [[nodiscard]] std::string ts_condition(const char* comparison, const std::string& moment) const;

  StoreFile file_;
  std::string from_;  ///< SQL, quoted
  std::string digest_;
  std::vector<std::string> not_null_;  ///< columns that the catalogue keeps from being NULL
  std::vector<StoreColumn> order_;
  std::optional<StoreColumn> type_, event_id_, stream_id_;
  std::string ts_type_;
  std::string type_sql_;  ///< what an event's type is called, as a text
  Payload payload_ = Payload::jsonb;
  std::string why_no_members_;
  std::string create_index_;
  std::optional<Rows::Origin> drawn_in_;
  bool lacks_encoding_ = false;
  std::vector<std::string> select_list_, selected_names_;
  std::vector<StoredValue::Form> wire_forms_;  ///< of select_list_
  Columns columns_;
};

}  // namespace rebuild_projection
