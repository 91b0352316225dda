#include "stages/read/reading_by_halves.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/error.h"
#include "stages/postgres/copy_out.h"
#include "stages/postgres/sqlstate.h"
#include "stages/read/page_builder.h"
#include "stages/read/store_reader.h"

namespace rebuild_projection {

namespace {

class Halves {
 public:
  Halves(Session& session, const EventStore& store, const EventRange& range, const HalvesSettings& settings)
      : session_(session),
        store_(store),
        range_(range),
        settings_(settings),
        builder_(store, settings.payloads, 0, 0) {}

  PageOfHalves read() {
    begin();
    const Rows found = session_.execute(store_.positions(range_) + " LIMIT " + std::to_string(settings_.events_max));
    for (std::size_t row = 0; row < found.size(); ++row) {
      Position& position = positions_.emplace_back();
      for (std::size_t column = 0; column < found.columns(); ++column) position.emplace_back(found.text(row, column));
    }
    add(0, positions_.size());
    PageOfHalves result{builder_.take(), closed_ || positions_.size() == settings_.events_max};
    result.page.unread = std::move(unread_);
    return result;
  }

 private:
  /// A statement that fails ends the transaction that has the snapshot.
  void begin() {
    if (!settings_.snapshot.empty()) begin_in_snapshot(session_, settings_.snapshot);
  }

  /// The rows of a query; nullopt where it fails on one of them.
  std::optional<std::vector<std::string>> rows_of(const std::string& query) {
    begin();
    std::vector<std::string> result;
    try {
      CopyOut rows(session_, query);
      while (const auto row = rows.next()) result.emplace_back(*row);
      return result;
    } catch (const SqlError& error) {
      if (!error.blames_row_read()) throw;
      failure_ = condition_of(error.sqlstate) + " (SQLSTATE " + error.sqlstate + ")" +
                 (settings_.show_values ? ": " + error.said : "");
    }
    return std::nullopt;
  }

  void add(std::size_t first, std::size_t end) {
    closed_ = closed_ || builder_.bytes() > settings_.bytes_max;
    if (first == end || closed_) return;
    EventRange part = range_;
    if (first > 0) part.after = positions_[first - 1];
    part.last = positions_[end - 1];
    if (const auto rows = rows_of(store_.events(part, settings_.payloads))) {
      for (const std::string& row : *rows) builder_.add(row);
    } else if (end - first == 1) {
      add_unread(part);
    } else {
      const std::size_t middle = first + (end - first) / 2;
      add(first, middle);
      add(middle, end);
    }
  }

  /// `part` is one event.
  void add_unread(const EventRange& part) {
    const std::size_t columns = store_.column_names(settings_.payloads).size(), stored = store_.wire_forms().size();
    std::vector<bool> fails(columns);
    std::fill(fails.begin() + static_cast<std::ptrdiff_t>(stored), fails.end(), true);  // most likely
    std::string why = failure_;
    auto rows = rows_of(store_.events(part, settings_.payloads, fails));
    if (!rows) {
      for (std::size_t column = 0; column < columns; ++column) {
        std::vector<bool> others(columns, true);
        others[column] = false;
        fails[column] = !rows_of(store_.events(part, settings_.payloads, others));
        if (fails[column]) why = failure_;
      }
      rows = rows_of(store_.events(part, settings_.payloads, fails));
    }
    if (!rows)
      throw RunError("the store's own SQL fails on the event at " + to_string(*part.last) +
                     ", whichever of its columns are read: " + failure_);
    for (const std::string& row : *rows) {  // none where it is gone
      builder_.add(row);
      note(fails, why);
    }
  }

  void note(const std::vector<bool>& fails, const std::string& why) {
    const std::vector<std::string> names = store_.column_names(settings_.payloads);
    const auto failing = std::ranges::find(fails, true) - fails.begin();
    unread_.push_back(
        {builder_.events() - 1,
         "the store's own SQL fails on its column \"" + names[static_cast<std::size_t>(failing)] + "\": " + why,
         fails[store_.columns().type]});
    closed_ = closed_ || settings_.stops_at_first;
  }

  Session& session_;
  const EventStore& store_;
  const EventRange& range_;
  const HalvesSettings& settings_;
  PageBuilder builder_;
  std::vector<Position> positions_;
  std::vector<Page::Unread> unread_;
  std::string failure_;  ///< of the last query that failed
  bool closed_ = false;
};

}  // namespace

PageOfHalves read_by_halves(Session& session, const EventStore& store, const EventRange& range,
                            const HalvesSettings& settings) {
  return Halves(session, store, range, settings).read();
}

}  // namespace rebuild_projection
