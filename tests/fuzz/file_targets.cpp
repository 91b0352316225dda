#include "pipeline/changes.h"
#include "pipeline/error.h"
#include "stages/parse/json_parser.h"
#include "stages/read/store_file.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"
#include "tests/stages/apply/sample_table.h"
#include "tests/support/pages.h"

namespace rebuild_projection::test {

void fuzz_projection_file(std::string_view bytes) {
  std::vector<std::string> mistakes;
  const auto files = read_projection_text("p.toml", bytes, mistakes);
  require(files.empty() != mistakes.empty(), "a file, or a mistake");
  if (files.empty()) return;
  require(!files[0].name().empty() && !files[0].table().empty(), "a name and a table");
  static const CatalogueTable table = sample_table();
  const std::unique_ptr<Projector> projector = files[0].bind(table, mistakes);
  require((projector == nullptr) != mistakes.empty(), "a projector, or a mistake");
  if (projector == nullptr) return;
  const auto types = projector->event_types();
  Page page = make_page({{"1", types.empty() ? "any" : types.front(),
                          R"({"v": {"v": 1}, "a": [1, {"id": "x"}], "id": "i"})", "2025-02-01 00:00:00+00", "s"}});
  const auto parser = make_json_parser({projector.get()}, PayloadFormat::text);
  const ParsedPage parsed = parser->parse(page);
  if (parsed.row[0] == ParsedPage::not_parsed) return;
  Changes changes(projector->table());
  try {
    projector->handle(
        Event(page.events[0], projector->extraction(), std::span(parsed.values), std::span(parsed.elements)), changes);
    ChangeSet set(projector->table());
    changes.move_into(set);
  } catch (const EventError&) {  // the values do not fit: that is said of the event
  }
}

void fuzz_store_file(std::string_view bytes) {
  try {
    const StoreFile file = read_store_text("s.toml", bytes);
    require(!file.from.empty() && !file.order.empty() && !file.type.empty() && !file.payload.empty(),
            "what is needed is there");
  } catch (const UsageError& error) {
    require(std::string_view(error.what()).starts_with("s.toml:"), "where the mistake is");
  }
}

}  // namespace rebuild_projection::test
