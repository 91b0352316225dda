#include "stages/read/store_reader.h"

#include "stages/read/page_reader.h"
#include "stages/read/sorted_reader.h"

namespace rebuild_projection {

LastingSession::Connect source_connector(Server server, std::stop_token stop) {
  return [server = std::move(server), stop = std::move(stop)](const Session::Backend*) {
    return std::make_unique<Session>(server, "read", Session::Access::read_only, stop);
  };
}

void begin_in_snapshot(Session& session, const std::string& snapshot) {
  session.execute("ROLLBACK");
  session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  session.execute("SET TRANSACTION SNAPSHOT " + literal(snapshot));
}

std::unique_ptr<PageSource> StoreReader::again(const std::optional<Position>& after, const Position& last) {
  EventRange range = whole_;
  if (after) range.after = after;
  range.last = last;
  return make_reader(store_, std::move(range), settings_);
}

std::unique_ptr<StoreReader> make_reader(const EventStore& store, EventRange range, StoreReader::Settings settings) {
  if (settings.indexed && settings.snapshot.empty())
    return std::make_unique<PageReader>(store, std::move(range), std::move(settings));
  return std::make_unique<SortedReader>(store, std::move(range), std::move(settings));
}

}  // namespace rebuild_projection
