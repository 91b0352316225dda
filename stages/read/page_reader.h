#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>

#include "pipeline/limits.h"
#include "pipeline/stages.h"
#include "stages/postgres/lasting_session.h"
#include "stages/read/event_store.h"

namespace rebuild_projection {

/// How a session that reads the store is made, at first and anew. A stop cancels its running statement.
LastingSession::Connect source_connector(std::string dsn, std::stop_token stop);

/// The read stage: pages of a range's events, in position order, through server-side cursors in REPEATABLE READ READ
/// ONLY transactions. No transaction lives longer than a segment (limits.h): it is closed and the next one continues
/// after the last position. Where no index serves the order, one cursor serves the whole range instead, since every new
/// one would sort. A connection that is lost is made anew, and reading goes on after the last position.
///
/// Owns its connection; used by one thread at a time. `store` outlives it.
class PageReader : public PageSource {
 public:
  struct Settings {
    std::string dsn;
    bool one_cursor = false;  ///< no index serves the order
    /// Where the range is cut into stretches (Page::stretch): the position that ends each but the last, ascending.
    std::vector<Position> stretch_ends = {};
    RetryLimits retry = {};
    std::stop_token stop = {};  ///< cancels the running statement
  };
  PageReader(const EventStore& store, EventRange range, Settings settings);

  std::optional<Page> next(std::size_t events_max) override;
  void pause() override;
  /// Tries again after a lost connection and the like.
  [[nodiscard]] std::uint64_t retries() const { return session_.retries(); }
  std::unique_ptr<PageSource> again(const std::optional<Position>& after, const Position& last) override;

 private:
  struct Fetched {
    Rows rows;
    std::size_t next;  ///< first row not yet taken
    std::size_t stretch;
    [[nodiscard]] std::size_t ready() const { return rows.size() - next; }
  };

  void open(Session& session);
  void close();
  [[nodiscard]] bool in_last_stretch() const { return stretch_ == settings_.stretch_ends.size(); }
  /// False at the end of the range.
  bool fetch();
  [[nodiscard]] Page fill(std::size_t events);
  [[nodiscard]] std::size_t row_bytes(const Rows& rows, std::size_t row) const;

  const EventStore& store_;
  const EventRange whole_;
  std::optional<Position> after_;  ///< what was fetched ends here
  Settings settings_;
  LastingSession session_;
  std::deque<Fetched> fetched_;
  std::size_t rows_ready_ = 0;   ///< not yet taken, in all of fetched_
  std::size_t bytes_ready_ = 0;  ///< of these rows
  bool open_ = false;
  bool at_end_ = false;
  std::size_t stretch_ = 0;
  std::uint64_t segment_rows_ = 0;
  std::chrono::steady_clock::time_point opened_at_;
  std::size_t fetch_rows_ = limits::fetch_rows_first;
};

}  // namespace rebuild_projection
