// Without this file a large payload could take as much memory as there is, and every other test would pass.
#include <gtest/gtest.h>

#include <chrono>
#include <climits>
#include <cstdlib>
#include <string>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

constexpr int large_events = 4;

/// 200 MB, near the limit of jsonb, where there is time for it.
long payload_kib() {
  return (std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 200'000'000 : 20'000'000) / 1'024;
}

/// What the program may have resident: so many times a payload besides --max-memory and itself. However many large
/// payloads there are, so that none may be left behind.
long peak_kib_max([[maybe_unused]] int payloads) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return LONG_MAX;  // a sanitizer's own memory is not ours
#else
  return (16 + 32) * 1'024 + payloads * payload_kib();
#endif
}

/// Events of one large member each, between two small ones; the members that are read stand before and after it.
class LargePayload : public testing::Test {
 protected:
  void append(const std::string& type, const std::string& large) {
    store.database.execute("TRUNCATE event_store; ALTER TABLE event_store ALTER payload TYPE " + type);
    store.database.execute(
        "INSERT INTO event_store SELECT lpad(n::text, 32, '0')::uuid, timestamptz '2025-01-01Z' + n * interval '1 s',"
        " 'stage_changed', n::text, ('{\"stage\": \"stage ' || n || '\", \"large\": ' || CASE WHEN n BETWEEN 2 AND " +
        std::to_string(large_events + 1) + " THEN " + large + " ELSE '1' END || ', \"n\": ' || n || '}')::" + type +
        " FROM generate_series(1, " + std::to_string(large_events + 2) + ") n");
  }
  static std::string one_text() { return "'\"' || repeat('x', " + std::to_string(payload_kib() * 1'024) + ") || '\"'"; }
  static std::string many_numbers() {
    return "'[1' || repeat(',1', " + std::to_string(payload_kib() * 512) + ") || ']'";
  }
  /// Of a rebuild whose rows are right.
  long peak_kib(const std::string& payload) {
    Program program(store.with_places(
        {"--projection", "event_rows,stages", "--mode", "APPLY", "--max-memory", "16", "--payload", payload}));
    const Program::Result run = program.wait(std::chrono::minutes(4));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.database.value("SELECT string_agg(n || ' ' || stage, ', ' ORDER BY n) FROM event_rows JOIN stages"
                                   " ON last_event = event_id"),
              "1 stage 1, 2 stage 2, 3 stage 3, 4 stage 4, 5 stage 5, 6 stage 6");
    return run.peak_memory_kib;
  }

  Recruiting store;
};

/// What libpq received (a power of two), the row that it handed over, and the page's text.
TEST_F(LargePayload, OfTextTakesFourTimesItsSize) {
  for (const char* type : {"jsonb", "text"}) {
    SCOPED_TRACE(type);
    append(type, one_text());
    EXPECT_LE(peak_kib("whole"), peak_kib_max(4));
    if (type == std::string("jsonb")) {
      EXPECT_LE(peak_kib("slim"), peak_kib_max(0));
    }
  }
}

/// The parser's index besides, four bytes for each token.
TEST_F(LargePayload, OfNothingButTokensTakesEightTimesItsSize) {
  append("text", many_numbers());
  EXPECT_LE(peak_kib("whole"), peak_kib_max(8));
}

}  // namespace
}  // namespace rebuild_projection::test
