#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/limits.h"
#include "pipeline/stages.h"
#include "stages/postgres/lasting_session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// How a session that reads the store is made, at first and anew. A stop cancels its running statement.
LastingSession::Connect source_connector(Server server, std::stop_token stop);

/// Begins a transaction that sees what a snapshot sees which another session of the database exported and still holds.
/// One that is open ends.
void begin_in_snapshot(Session& session, const std::string& snapshot);

/// The read stage: pages of a range's events, in position order, as the server copies them out in binary form. A
/// connection that is lost is made anew, and reading goes on where it was.
class StoreReader : public PageSource {
 public:
  struct Settings {
    Server server;
    bool indexed = true;                                 ///< an index serves the order
    unsigned readers = 1;                                ///< pages that may be read at once
    std::size_t page_bytes = limits::page_bytes_target;  ///< of a page, about
    PayloadSelection payloads = {};
    /// Where the range is cut into stretches (Page::stretch): the position that ends each but the last, ascending.
    std::vector<Position> stretch_ends = {};
    /// Exported by another session: everything is read in it, and without an index. Empty: in snapshots of its own.
    std::string snapshot = {};
    bool stops_at_first = false;  ///< the run ends with the first event that cannot be read,
    bool show_values = false;     ///< and why may be said in the server's words
    RetryLimits retry = {};
    std::stop_token stop = {};  ///< cancels the running statement
  };

  std::unique_ptr<PageSource> again(const std::optional<Position>& after, const Position& last) override;

  /// Tries again after a lost connection and the like.
  [[nodiscard]] virtual std::uint64_t retries() const = 0;
  /// Bytes that the server sent, by COPY.
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;

 protected:
  StoreReader(const EventStore& store, EventRange range, Settings settings)
      : store_(store), whole_(std::move(range)), settings_(std::move(settings)) {}

  [[nodiscard]] const EventStore& store() const { return store_; }
  [[nodiscard]] const EventRange& whole() const { return whole_; }
  [[nodiscard]] const Settings& settings() const { return settings_; }

 private:
  const EventStore& store_;
  const EventRange whole_;
  const Settings settings_;
};

/// With an index, a PageReader; without, a SortedReader. `store` outlives it.
std::unique_ptr<StoreReader> make_reader(const EventStore& store, EventRange range, StoreReader::Settings settings);

}  // namespace rebuild_projection
