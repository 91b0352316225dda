#include "stages/read/page_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rebuild_projection {

namespace {

/// What simdjson may read after the last text (SIMDJSON_PADDING is 64 at most in the versions in use).
constexpr std::size_t padding_bytes = 64;

int hex_digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  return character - 'a' + 10;  // the server prints lower case
}

/// Copies texts one after the other into a buffer that was made large enough for all of them.
class Filler {
 public:
  explicit Filler(char* to) : to_(to) {}
  std::string_view text(std::string_view from) {
    std::memcpy(to_, from.data(), from.size());
    return taken(from.size());
  }
  /// bytea in hex form, "\x7b7d", as bytes.
  std::string_view bytes(std::string_view hex) {
    hex.remove_prefix(2);
    for (std::size_t index = 0; index < hex.size() / 2; ++index)
      to_[index] = static_cast<char>(hex_digit(hex[2 * index]) * 16 + hex_digit(hex[2 * index + 1]));
    return taken(hex.size() / 2);
  }

 private:
  std::string_view taken(std::size_t size) {
    const std::string_view result(to_, size);
    to_ += size;
    return result;
  }
  char* to_;
};

}  // namespace

LastingSession::Connect source_connector(std::string dsn, std::stop_token stop) {
  return [dsn = std::move(dsn), stop = std::move(stop)](const Session::Backend*) {
    auto session = std::make_unique<Session>(dsn, "read", Session::Access::read_only);
    session->cancel_on(stop);
    return session;
  };
}

PageReader::PageReader(const EventStore& store, EventRange range, Settings settings)
    : store_(store),
      whole_(std::move(range)),
      after_(whole_.after),
      settings_(std::move(settings)),
      session_(nullptr, source_connector(settings_.dsn, settings_.stop), settings_.retry, settings_.stop) {
  session_.use([](Session&) {});
}

void PageReader::open(Session& session) {
  // A segment is bounded by rows so that the planner, too, knows that only the beginning is wanted.
  session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  if (!settings_.one_cursor) session.execute("SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off");
  EventRange rest = whole_;
  rest.after = after_;
  if (!in_last_stretch()) rest.stretch_end = settings_.stretch_ends[stretch_];
  session.execute("DECLARE events NO SCROLL CURSOR FOR " + store_.events(rest) +
                  (settings_.one_cursor ? "" : " LIMIT " + std::to_string(limits::segment_events)));
  segment_rows_ = 0;
  opened_at_ = std::chrono::steady_clock::now();
}

void PageReader::close() {
  if (!open_) return;
  session_.use([this](Session& session) {
    if (std::exchange(open_, false)) session.execute("COMMIT");
  });
}

void PageReader::pause() {
  if (!settings_.one_cursor) close();
}

bool PageReader::fetch() {
  if (at_end_) return false;
  if (open_ && !settings_.one_cursor &&
      (segment_rows_ >= limits::segment_events ||
       std::chrono::steady_clock::now() - opened_at_ > limits::segment_age_max))
    close();

  std::size_t wanted = 0;
  Rows rows = session_.use([&](Session& session) {
    // Whatever fails ends the transaction; the next try opens it again, after what was fetched.
    if (!std::exchange(open_, false)) open(session);
    wanted =
        settings_.one_cursor ? fetch_rows_ : std::min<std::size_t>(fetch_rows_, limits::segment_events - segment_rows_);
    Rows fetched = session.execute("FETCH " + std::to_string(wanted) + " FROM events");
    open_ = true;
    return fetched;
  });
  const std::size_t stretch = stretch_;
  const std::size_t count = rows.size();
  segment_rows_ += count;
  if (count < wanted) {  // within the segment's LIMIT: the stretch is exhausted
    close();
    at_end_ = in_last_stretch();
    if (!at_end_) ++stretch_;
    if (count == 0) return !at_end_;
  }

  Position last;
  for (std::size_t column : store_.columns().order) last.emplace_back(rows.text(count - 1, column));
  after_ = std::move(last);

  std::size_t bytes = 0;
  for (std::size_t row = 0; row < count; ++row) bytes += row_bytes(rows, row);
  const std::size_t fitting = limits::fetch_bytes_target / std::max<std::size_t>(bytes / count, 1);
  fetch_rows_ = std::clamp<std::size_t>(std::min(fitting, fetch_rows_ * 4), 1, limits::fetch_rows_max);

  rows_ready_ += count;
  bytes_ready_ += bytes;
  fetched_.push_back({std::move(rows), 0, stretch});
  return true;
}

std::size_t PageReader::row_bytes(const Rows& rows, std::size_t row) const {
  std::size_t bytes = 0;
  for (std::size_t column = 0; column < rows.columns(); ++column) bytes += rows.text(row, column).size();
  return bytes;
}

std::optional<Page> PageReader::next(std::size_t events_max) {
  events_max = std::min(events_max, limits::page_events_max);
  const auto one_stretch = [this] { return fetched_.empty() || fetched_.back().stretch == fetched_.front().stretch; };
  while (rows_ready_ < events_max && bytes_ready_ < limits::page_bytes_max && one_stretch() && fetch()) {
  }
  if (rows_ready_ == 0) return std::nullopt;
  std::size_t ready = 0;  // of the first stretch
  for (const Fetched& part : fetched_)
    if (part.stretch == fetched_.front().stretch) ready += part.ready();
  return fill(std::min(events_max, ready));
}

Page PageReader::fill(std::size_t events_max) {
  // How many events, and how large a buffer: until the byte limit, at least one.
  std::size_t events = 0;
  std::size_t bytes = 0;
  for (const Fetched& part : fetched_) {
    for (std::size_t row = part.next; row < part.rows.size() && events < events_max; ++row) {
      const std::size_t more = row_bytes(part.rows, row);
      if (events > 0 && bytes + more > limits::page_bytes_max) {
        events_max = events;
        break;
      }
      bytes += more + 2;  // "{}" for a NULL payload
      ++events;
    }
  }

  const EventStore::Columns& columns = store_.columns();
  Page page;
  page.stretch = fetched_.front().stretch;
  page.buffer_bytes = bytes + padding_bytes;
  page.buffer = std::make_unique_for_overwrite<char[]>(page.buffer_bytes);
  std::memset(page.buffer.get() + bytes, 0, padding_bytes);
  page.positions.resize(events * columns.order.size());
  page.events.reserve(events);
  Filler filler(page.buffer.get());
  std::vector<std::string_view> cells;
  while (page.events.size() < events) {
    Fetched& part = fetched_.front();
    const std::size_t row = part.next++;
    --rows_ready_;
    bytes_ready_ -= row_bytes(part.rows, row);
    cells.assign(part.rows.columns(), {});
    for (std::size_t column = 0; column < cells.size(); ++column) {
      const std::string_view text = part.rows.text(row, column);
      if (column != columns.payload)
        cells[column] = filler.text(text);
      else if (part.rows.is_null(row, column))
        cells[column] = filler.text("{}");
      else
        cells[column] = store_.payload() == EventStore::Payload::bytea ? filler.bytes(text) : filler.text(text);
    }
    auto optional = [&](const std::optional<std::size_t>& column) -> std::optional<std::string_view> {
      if (!column || part.rows.is_null(row, *column)) return std::nullopt;
      return cells[*column];
    };
    std::string_view* position = page.positions.data() + page.events.size() * columns.order.size();
    for (std::size_t column = 0; column < columns.order.size(); ++column)
      position[column] = cells[columns.order[column]];
    page.events.push_back({.event_id = cells[columns.event_id],
                           .ts = optional(columns.ts),
                           .type = cells[columns.type],
                           .stream_id = optional(columns.stream_id),
                           .payload = cells[columns.payload],
                           .metadata = optional(columns.metadata),
                           .position = {position, columns.order.size()}});
    if (part.next == part.rows.size()) fetched_.pop_front();
  }
  return page;
}

std::unique_ptr<PageSource> PageReader::again(const std::optional<Position>& after, const Position& last) {
  EventRange range = whole_;
  if (after) range.after = after;
  range.last = last;
  return std::make_unique<PageReader>(store_, std::move(range), settings_);
}

}  // namespace rebuild_projection
