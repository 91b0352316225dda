// Without this file the settings of a database or a role could change what rows hold, or end a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

using testing::HasSubstr;

/// Columns whose texts mean another value, or are printed otherwise, under another setting.
constexpr const char* readings_table =
    "CREATE TABLE readings (id text PRIMARY KEY, at timestamptz, local timestamp, day date, span interval, amount "
    "money,"
    " ratio double precision, bytes bytea, fragment xml, tags text[], note text, document jsonb)";
constexpr const char* readings_file = R"(name = "readings"
version = 1
table = "readings"
key = ["id"]
[[on]]
event = "read"
key = { id = "@stream_id" }
[on.set]
at = "/at"
local = "/local"
day = "/day"
span = "/span"
amount = "/amount"
ratio = "/ratio"
bytes = "/bytes"
fragment = "/fragment"
tags = "/tags"
note = "/note"
document = "/document"
)";
constexpr const char* readings_events = R"(
INSERT INTO event_store SELECT lpad(to_hex(1000 + n), 32, '0')::uuid, timestamptz '2024-12-01Z' + n * interval '1 hour',
  'read', (n % 4)::text, jsonb_build_object('at', (ARRAY['2025-01-02 03:04:05 EST', '2025-07-08T09:10:11',
    '2025-02-03 04:05:06 IST'])[1 + n % 3], 'local', '2025-04-05 06:07:08.123456', 'day', '2025-03-04', 'span',
    (ARRAY['1 year 2 mons -3 days', '-1 day 02:03:04', '1 2:03:04'])[1 + n % 3], 'amount', 1234.5 + n, 'ratio',
    0.1 + n / 3.0, 'bytes', E'\\x00ff5c', 'fragment', '<a/>b', 'tags', CASE n % 2 WHEN 0 THEN '{a,NULL,"null"}' END,
    'note', CASE WHEN n % 3 = 0 THEN NULL ELSE E'back\\slash ''q'' Grüße' END, 'document',
    jsonb_build_object('n', n / 7.0, 'null', NULL))
FROM generate_series(1, 12) AS n)";

class HostileDatabase : public testing::Test {
 protected:
  HostileDatabase() {
    make(plain);
    make(hostile);
    hostile.database.make_hostile();
  }
  static void make(Recruiting& store) {
    store.append(1, 60);
    store.database.execute(readings_table);
    store.database.execute(readings_events);
    store.projections.write("readings.toml", readings_file);
  }
  /// As this test's own sessions read it, whose settings are the server's.
  static std::string rows(Recruiting& store) {
    std::string all;
    for (const char* table : {"event_rows", "stages", "counters", "readings"})
      all += store.database.value("SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM " + std::string(table) +
                                  " AS t") +
             "\n";
    return all;
  }
  void expect_the_same(const std::string& what) {
    SCOPED_TRACE(what);
    EXPECT_EQ(rows(hostile), rows(plain));
    const Outcome verified = hostile.run({"--projection", "all", "--mode", "VERIFY"});
    EXPECT_EQ(verified.exit_code, 0) << verified.err << verified.out;
    EXPECT_EQ(verified.err.find("warn"), std::string::npos) << verified.err;
  }
  void both(const std::vector<std::string>& arguments) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const Outcome expected = plain.run(arguments), run = hostile.run(arguments);
    EXPECT_EQ(expected.exit_code, 0) << expected.err;
    EXPECT_EQ(run.exit_code, 0) << run.err;
    const auto events = [](const Outcome& one) { return one.summary.is_null() ? nullptr : one.summary["events_read"]; };
    EXPECT_EQ(events(run), events(expected));
  }

  Recruiting plain, hostile;
};

TEST_F(HostileDatabase, GivesTheSameRowsInEveryWay) {
  for (const char* batch : {"1", "7", "200"}) {
    both({"--projection", "all", "--mode", "APPLY", "--batch-size", batch});
    expect_the_same(std::string("batches of ") + batch);
  }
  for (Recruiting* store : {&plain, &hostile}) store->append(61, 90);
  both({"--projection", "all", "--mode", "APPLY", "--resume"});
  expect_the_same("resumed");
  for (Recruiting* store : {&plain, &hostile})
    store->database.execute(
        "UPDATE readings SET amount = '0', tags = '{x}'; DELETE FROM stages WHERE candidate_id = '3'");
  both({"--projection", "all", "--mode", "APPLY", "--strategy", "shadow", "--keep-previous"});
  expect_the_same("published");
  both({"--projection", "readings", "--undo-publish"});
  EXPECT_EQ(rows(hostile), rows(plain));
  both({"--projection", "all", "--mode", "APPLY", "--from-ts", "2024-12-01T02:00:00Z", "--scope", "touched"});
  expect_the_same("touched rows");
  both({"--projection", "readings", "--explain-row", "1", "--show-values"});
  both({"--projection", "all", "--mode", "DRY_RUN"});
}

TEST_F(HostileDatabase, IsDescribedAsAnyOther) {
  both({"--projection", "all", "--mode", "APPLY"});
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"--check", "--projections", plain.projections.path()},
        {"--init", "readings"},
        {"--status"}}) {
    SCOPED_TRACE(command.front());
    const Outcome expected = plain.run(command), run = hostile.run(command);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    if (command.front() == "--status") {
      EXPECT_THAT(run.out, HasSubstr("complete"));
    } else {
      EXPECT_EQ(run.out, expected.out);
    }
  }
}

}  // namespace
}  // namespace rebuild_projection::test
