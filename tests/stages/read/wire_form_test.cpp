// Without this file the text that is made here of a binary value could differ from the one PostgreSQL prints, and with
// it positions, keys and times.
#include "stages/read/wire_form.h"

#include <gtest/gtest.h>

#include "stages/postgres/copy_out.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

TEST(WireForm, TextsAreThoseThatPostgresqlPrints) {
  test::Database database;
  database.execute("CREATE TYPE mood AS ENUM ('so ''so', 'ü'); CREATE DOMAIN small AS integer");
  Session session(database.dsn(), "read", Session::Access::read_only);
  const std::vector<std::pair<std::string, std::string>> columns{
      {"uuid",
       "SELECT gen_random_uuid() FROM generate_series(1, 100) UNION ALL SELECT uuid_nil FROM (VALUES "
       "('00000000-0000-0000-0000-000000000000'::uuid), ('ffffffff-ffff-ffff-ffff-ffffffffffff')) u(uuid_nil)"},
      {"timestamp with time zone",
       "SELECT x FROM (VALUES ('infinity'::timestamptz), ('-infinity'), ('4714-11-24 00:00:00+00 BC'),"
       " ('0001-12-31 23:59:59.999999+00 BC'), ('0001-01-01 00:00:00+00'), ('9999-12-31 23:59:59.999999+00'),"
       " ('10000-01-01 00:00:00+00'), ('294276-12-31 23:59:59.999999+00'), ('1999-12-31 23:59:59.5+00'), (NULL)) v(x)"
       " UNION ALL SELECT timestamptz '2000-01-01Z' + (random() - 0.5) * 2000 * interval '365 days'"
       " FROM generate_series(1, 2000)"
       " UNION ALL SELECT timestamptz '2024-02-28 23:59:58Z' + n * interval '250 ms' FROM generate_series(1, 20) n"},
      {"timestamp without time zone",
       "SELECT x FROM (VALUES ('infinity'::timestamp), ('0044-03-15 01:02:03.000001 BC'), ('12345-01-01 00:00:00')) "
       "v(x)"
       " UNION ALL SELECT timestamp '1970-01-01' + random() * interval '100000 hours' FROM generate_series(1, 500)"},
      {"smallint", "SELECT x::smallint FROM (VALUES (-32768), (32767), (0)) v(x)"},
      {"integer", "SELECT x::integer FROM (VALUES (-2147483648), (2147483647), (0), (NULL)) v(x)"},
      {"bigint", "SELECT x FROM (VALUES (-9223372036854775808), (9223372036854775807::bigint), (7)) v(x)"},
      {"jsonb", "SELECT x::jsonb FROM (VALUES ('{\"b\": [1.10, null], \"a\": \"ü\\\\\"}'), ('7'), (NULL)) v(x)"},
      {"text", "SELECT x FROM (VALUES ('ü'), (''), (E'a\\nb'), (NULL)) v(x)"},
      {"character varying", "SELECT x::varchar FROM (VALUES ('a '), ('')) v(x)"},
      {"bpchar", "SELECT x::char(5) FROM (VALUES ('a'), ('')) v(x)"},
      {"name", "SELECT 'n'::name"},
      {"json", "SELECT '{ \"a\" : 1 }'::json"},
      {"boolean", "SELECT x FROM (VALUES (true), (false), (NULL)) v(x)"},
      {"numeric", "SELECT x FROM (VALUES (1.10), ('NaN'), (-0.5), (1e30)) v(x)"},
      {"double precision", "SELECT x::float8 FROM (VALUES (0.1), (1e300), ('NaN')) v(x)"},
      {"inet", "SELECT x::inet FROM (VALUES ('10.0.0.1'), ('10.0.0.0/8')) v(x)"},
      {"date", "SELECT date '2025-02-01'"},
      {"interval", "SELECT interval '1 day 02:03:04'"},
      {"bytea", "SELECT '\\x00ff'::bytea"},
      {"xid8", "SELECT '123456789012'::xid8"},
      {"\"char\"", "SELECT 'x'::\"char\""},
      {"integer[]", "SELECT '{1,NULL,3}'::integer[]"},
      {"mood", "SELECT x::public.mood FROM (VALUES ('so ''so'), ('ü')) v(x)"},
      {"small", "SELECT 7::public.small"}};
  for (const auto& [type, query] : columns) {
    SCOPED_TRACE(type);
    database.execute("DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT * FROM (" + query + ") AS q(v)");
    // A value of char(n) is read as every other type takes it: without the blanks that fill it up.
    const Rows expected =
        session.execute("SELECT v" + std::string(type == "bpchar" ? "::text" : "") + " FROM public.t ORDER BY ctid");
    CopyOut rows(session, "SELECT " + wire_column(type, "v") + " FROM public.t ORDER BY ctid");
    std::size_t row = 0;
    for (; const auto message = rows.next(); ++row) {
      const auto value = CopyRow(*message).field();
      ASSERT_EQ(value.has_value(), !expected.is_null(row, 0));
      if (!value) continue;
      ASSERT_EQ(StoredValue(wire_form(type), *value).text(), expected.text(row, 0));
    }
    EXPECT_EQ(row, expected.size());
    EXPECT_GT(row, 0U);
  }
}

}  // namespace
}  // namespace rebuild_projection
