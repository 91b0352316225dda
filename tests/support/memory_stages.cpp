#include "tests/support/memory_stages.h"

#include <algorithm>

#include "tests/support/pages.h"

namespace rebuild_projection::test {

namespace {

std::uint64_t number_of(std::string_view text) {
  return std::stoull(std::string(text));
}
std::string_view type_of(std::uint64_t event) {
  return event % 2 == 0 ? "even" : "odd";
}

}  // namespace

std::optional<UnreadPage> MemorySource::next(std::size_t events_max) {
  if (next_ == end_) return std::nullopt;
  const std::uint64_t first = next_;
  next_ = std::min<std::uint64_t>(end_, first + std::min(events_max, page_events_max));
  return UnreadPage{next_ - first, [this, first, last = next_] { return read(first, last); }};
}

Page MemorySource::read(std::uint64_t first, std::uint64_t last) const {
  Page page;
  if (last - first > read_events_max) {
    page.rest = [this, first, last] { return read(first + read_events_max, last); };
    last = first + read_events_max;
  }
  page.texts = TextArena(40 * (last - first));
  page.positions.resize(last - first);
  for (std::uint64_t event = first; event < last; ++event) {
    on_read(event);
    StoredEvent stored;
    stored.event_id = page.texts.copy(std::to_string(event));
    stored.stream_id = page.texts.copy(std::to_string(event % streams_));
    stored.type = type_of(event);
    stored.type_number = type_number(page, stored.type);
    stored.payload = "{}";
    page.positions[event - first] = stored.event_id;
    stored.position = {&page.positions[event - first], 1};
    page.events.push_back(stored);
  }
  if (page_bytes_claimed > 0) {
    page.texts.room(page_bytes_claimed);
    page.texts.keep(page_bytes_claimed);
  }
  return page;
}

std::unique_ptr<PageSource> MemorySource::again(const std::optional<Position>& after, const Position& last) {
  ++read_again;
  auto source = std::make_unique<MemorySource>(events_, streams_);
  source->next_ = after ? number_of(after->front()) + 1 : 0;
  source->end_ = number_of(last.front()) + 1;
  source->on_read = on_read;
  source->page_events_max = page_events_max;
  source->read_events_max = read_events_max;
  return source;
}

ParsedPage MemoryParser::parse(const Page& page) const {
  ParsedPage parsed;
  parsed.row.assign(page.events.size(), 0);
  for (std::size_t index = 0; index < page.events.size(); ++index) {
    const std::uint64_t event = number_of(page.events[index].event_id.text());
    on_parse(event);
    if (const auto found = unreadable.find(event); found != unreadable.end()) {
      parsed.errors.resize(page.events.size());
      parsed.errors[index] = found->second;
    }
  }
  return parsed;
}

CountingProjector::CountingProjector(const std::string& name, const std::string& type)
    : Projector({.name = name,
                 .table = name,
                 .key = {"stream"},
                 .columns = {{"events", Operation::add}, {"last_event", Operation::set}},
                 .events = {type},
                 .definition = "counting",
                 .not_repeatable = "add"},
                {.name = name,
                 .key = {{"stream", ColumnType::text}},
                 .columns = {{"events", ColumnType::integer, 0, Operation::add},
                             {"last_event", ColumnType::text, std::nullopt, Operation::set}}}) {}

void CountingProjector::handle(const Event& event, Changes& changes) const {
  ++handled;
  changes.upsert({event.stream_id()}).add("events", 1).set("last_event", event.event_id());
  const StoredEvent& stored = event.stored();
  on_handle(number_of(stored.event_id.text()));  // last, so that a throw has something to undo
}

Committed MemorySink::commit(const Batch& batch) {
  on_commit(number_of(batch.first_position.front()));
  tables.resize(batch.projections.size());
  dead_letters.resize(batch.projections.size());
  for (std::size_t index = 0; index < batch.projections.size(); ++index) {
    batch.projections[index].changes.for_parts(1, [&](const ChangeSet& changes) {
      for (const ChangeSet::Row* row : changes.sorted()) {
        Row& kept = tables[index][changes.key_text(*row, 0)];
        for (const ColumnChange change : row->change.present) {
          if (change.column == 0)
            kept.events += number_of(to_text(change.value));
          else
            kept.last_event = to_text(change.value);
        }
      }
    });
    const auto& skipped = batch.projections[index].skipped;
    dead_letters[index].insert(dead_letters[index].end(), skipped.begin(), skipped.end());
  }
  batches.push_back(
      {batch.number, number_of(batch.first_position.front()), number_of(batch.last_position.front()), batch.events});
  ++commits;
  Committed committed;
  committed.projections.resize(batch.projections.size());
  return committed;
}

std::map<std::string, MemorySink::Row> expected_rows(std::uint64_t events, std::uint64_t streams,
                                                     const std::string& type,
                                                     const std::map<std::uint64_t, std::string>& left_out) {
  std::map<std::string, MemorySink::Row> rows;
  for (std::uint64_t event = 0; event < events; ++event) {
    if ((type != "*" && type != type_of(event)) || left_out.contains(event)) continue;
    MemorySink::Row& row = rows[std::to_string(event % streams)];
    ++row.events;
    row.last_event = std::to_string(event);
  }
  return rows;
}

}  // namespace rebuild_projection::test
