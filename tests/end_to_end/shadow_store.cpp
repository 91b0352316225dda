#include "tests/end_to_end/shadow_store.h"

namespace rebuild_projection::test {

std::vector<std::string> ShadowStore::arguments(const std::string& projection, std::vector<std::string> more) {
  more.insert(more.begin(), {"--projection", projection, "--mode", "APPLY", "--strategy", "shadow"});
  return more;
}

Outcome ShadowStore::shadow(const std::string& projection, const std::vector<std::string>& more) {
  return store.run(arguments(projection, more));
}

std::unique_ptr<Program> ShadowStore::start(const std::string& projection, const std::vector<std::string>& more) {
  return std::make_unique<Program>(store.with_places(arguments(projection, more)));
}

void ShadowStore::expect_published(int events) {
  for (const char* projection : projections) {
    EXPECT_EQ(store.differing(projection), "0") << projection;
    EXPECT_EQ(store.checkpoint("events, state", projection), std::to_string(events) + "|complete") << projection;
  }
  expect_no_shadow();
}

void ShadowStore::expect_no_shadow() {
  EXPECT_EQ(store.database.value("SELECT count(*) FROM pg_class WHERE relname ~ '^shadow_[0-9]+$'"), "0");
  EXPECT_EQ(store.database.value("SELECT count(*) FROM rebuild_projection.rebuild_shadows"), "0");
}

std::string ShadowStore::live() {
  std::string result;
  std::vector<std::string> tables(projections.begin(), projections.end());
  for (const char* table : {"rebuild_projection.rebuild_checkpoints", "rebuild_projection.rebuild_dead_letters"})
    if (store.database.value("SELECT to_regclass('" + std::string(table) + "')") != "NULL") tables.emplace_back(table);
  for (const std::string& table : tables)
    result += table +
              store.database.value(
                  "SELECT md5(string_agg((t.*)::text || t.xmin || t.ctid, ' ' ORDER BY t.ctid)) FROM " + table + " t");
  return result;
}

std::string ShadowStore::shadow_state(const std::string& projection) {
  if (store.database.value("SELECT to_regclass('rebuild_projection.rebuild_shadows')") == "NULL") return "";
  const auto rows = store.database.rows(
      "SELECT coalesce(last_event_id, '-') || ': ' || state FROM rebuild_projection.rebuild_shadows"
      " WHERE projection_name = '" +
      projection + "'");
  return rows.empty() ? "" : rows.front();
}

}  // namespace rebuild_projection::test
