#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {

/// In which order the events of a store are replayed, and what that means in SQL.
struct EventOrder {
  std::string name;                      ///< "by time"
  std::vector<std::string> projections;  ///< those whose rows follow from the events in this order
  std::string up_to_checkpoint;          ///< condition on events; "%" stands for the projection's name
  std::string store_order;               ///< the store file's `order`; empty: the default store
  std::string more;                      ///< its further lines
};
/// By time and id, as Recruiting's store is.
extern const EventOrder by_time;
/// By n, a sequence's number (LiveStore's schema).
extern const EventOrder by_number;
/// By the transaction that appended and n, behind a horizon (LiveStore::give_transactions()).
extern const EventOrder by_transaction;

/// The invariants of tests/faults/README.md over a Recruiting store, by SQL that shares no code with the engine. Each
/// says what does not hold; "" is that it holds.
class Invariants {
 public:
  explicit Invariants(Recruiting& store, EventOrder order = by_time) : store_(store), order_(std::move(order)) {}

  /// O: each table is the fold of the events up to its checkpoint. One whose checkpoint says that nothing was committed
  /// yet is not looked at.
  std::string prefix();
  /// The same of all events, and the checkpoints say so.
  std::string whole();
  /// R: the events that were there when this was made, or at store_written(), are as they were, to the tuple.
  std::string store_unchanged();
  /// Somebody has written to the store, who may.
  void store_written();
  /// Waits until no running transaction can still precede any event, in an order by transaction. "" when it is so.
  std::string beyond_horizon();
  /// E: no session of the program is left, and no advisory lock.
  std::string nothing_left();

 private:
  std::string store_digest();

  Recruiting& store_;
  const EventOrder order_;
  std::string events_ = store_.database.value("SELECT count(*) FROM event_store");
  std::string store_digest_ = store_digest();
};

/// A: reads the tables and their checkpoints while a rebuild in place runs, in snapshots of its own, over and over:
/// each snapshot must show the fold of the events up to the checkpoint that it shows.
class Reader {
 public:
  explicit Reader(const Recruiting& store, EventOrder order = by_time);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { static_cast<void>(stop()); }
  /// What was wrong; "" if every snapshot was right. A server that goes away ends the reading.
  std::string stop();
  [[nodiscard]] int snapshots() const { return snapshots_; }

 private:
  void read(const Recruiting& store, const std::stop_token& stop);

  const EventOrder order_;
  std::atomic<int> snapshots_ = 0;
  std::string wrong_;  ///< the thread's until it has ended
  std::jthread thread_;
};

}  // namespace rebuild_projection::test
