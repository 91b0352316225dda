#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/stages.h"

/// The engine's effects in memory: a store of N events, a parser that finds nothing, a sink that keeps what it was
/// given.
namespace rebuild_projection::test {

/// Called at a place of a stage with the number of the event at hand; may delay, throw, or request a stop.
using Hook = std::function<void(std::uint64_t event)>;

/// Event n (from 0) has id "n", position {"n"}, type "even" or "odd", stream "n % streams".
class MemorySource : public PageSource {
 public:
  explicit MemorySource(std::uint64_t events, std::uint64_t streams = 10)
      : events_(events), end_(events), streams_(streams) {}
  std::optional<UnreadPage> next(std::size_t events_max) override;
  std::unique_ptr<PageSource> again(const std::optional<Position>& after, const Position& last) override;
  void pause() override { ++pauses; }

  Hook on_read = [](std::uint64_t) {};
  std::size_t page_events_max = SIZE_MAX;  ///< as if events were large
  std::size_t read_events_max =
      SIZE_MAX;  ///< as if they turned out larger than expected: the rest of the page is left over
  std::size_t page_bytes_claimed = 0;  ///< added to every page's size, as if its payloads were large
  std::atomic<std::uint64_t> pauses{0};
  std::atomic<std::uint64_t> read_again{0};  ///< calls of again()

 private:
  [[nodiscard]] Page read(std::uint64_t first, std::uint64_t last) const;

  std::uint64_t events_;
  std::uint64_t next_ = 0;
  std::uint64_t end_;
  std::uint64_t streams_;
};

class MemoryParser : public PayloadParser {
 public:
  ParsedPage parse(const Page& page) const override;
  std::size_t values_per_event() const override { return 0; }
  std::size_t elements_per_event() const override { return 0; }
  std::size_t values_offset(std::size_t) const override { return 0; }
  std::size_t elements_offset(std::size_t) const override { return 0; }

  Hook on_parse = [](std::uint64_t) {};
  std::map<std::uint64_t, std::string> unreadable;  ///< events whose payload cannot be read, and why
};

/// Counts the events of each stream: column "events" by add, "last_event" by set. Key: stream.
class CountingProjector : public Projector {
 public:
  explicit CountingProjector(const std::string& name, const std::string& type = "*");
  void handle(const Event& event, Changes& changes) const override;

  Hook on_handle = [](std::uint64_t) {};
  mutable std::atomic<std::uint64_t> handled{0};
};

/// Applies what it gets to rows in memory, in the plainest way.
class MemorySink : public BatchSink {
 public:
  Committed commit(const Batch& batch) override;

  Hook on_commit = [](std::uint64_t) {};  ///< with the number of the batch's first event, before anything is kept
  struct Row {
    std::uint64_t events = 0;
    std::string last_event;
    friend bool operator==(const Row&, const Row&) = default;
  };
  struct Kept {
    std::uint64_t number, first, last, events;
  };
  std::vector<Kept> batches;
  std::vector<std::map<std::string, Row>> tables;  ///< one per projector
  std::vector<std::vector<DeadLetter>> dead_letters;
  std::atomic<std::uint64_t> commits{0};
};

/// Rows of CountingProjector after the first `events` events, counted one by one; `left_out` were skipped.
std::map<std::string, MemorySink::Row> expected_rows(std::uint64_t events, std::uint64_t streams = 10,
                                                     const std::string& type = "*",
                                                     const std::map<std::uint64_t, std::string>& left_out = {});

}  // namespace rebuild_projection::test
