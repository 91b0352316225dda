// Without this file a session could come back after its connection broke, with its locks and settings gone; an error
// could be taken for another kind; and a text could break out of its quotes.
#include "stages/postgres/session.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

const std::vector<std::string> odd_texts{"",
                                         " ",
                                         "plain",
                                         "it's",
                                         "''",
                                         "\"",
                                         "\"\"",
                                         "\\",
                                         "\\\\'",
                                         "a\\",
                                         "tab\tline\nreturn\r",
                                         "$1",
                                         "$$",
                                         "%s",
                                         "{a,b}",
                                         "{",
                                         "}",
                                         ",",
                                         "NULL",
                                         "null",
                                         "(a,b)",
                                         "; DROP TABLE x; --",
                                         "/* */",
                                         "Grüße 日本 \xF0\x9F\x98\x80",
                                         "\x01\x7f",
                                         std::string(100'000, '\'')};

class SessionTest : public testing::Test {
 protected:
  SessionTest() : session(database.dsn(), "test", Session::Access::read_write) {}
  std::string state_of(const std::string& sql) {
    try {
      session.execute(sql);
    } catch (const SqlError& error) {
      return error.sqlstate + (error.blames_data() ? " data" : "") + (error.connection_lost() ? " lost" : "");
    }
    return "";
  }
  test::Database database;
  Session session;
};

TEST_F(SessionTest, NeverComesBackAfterItsConnectionBroke) {
  session.execute("CREATE TABLE public.t (n integer)");
  session.prepare("insert", "INSERT INTO public.t VALUES ($1::integer)");
  session.execute("BEGIN");
  session.execute_prepared("insert", {"1"});
  const int pid = session.backend().pid;
  database.value("SELECT pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
  const auto is_lost = [](auto&& call) {
    try {
      call();
      return false;
    } catch (const SqlError& error) {
      return error.connection_lost();
    }
  };
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_TRUE(is_lost([&] { session.execute("SELECT 1"); }));
    EXPECT_TRUE(is_lost([&] { session.execute("SELECT $1::integer", {"1"}); }));
    EXPECT_TRUE(is_lost([&] { session.execute_prepared("insert", {"1"}); }));
    EXPECT_TRUE(is_lost([&] { session.execute("COMMIT"); }));
  }
  EXPECT_EQ(database.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"),
            "0");
}

TEST_F(SessionTest, TellsErrorsApartByTheirState) {
  session.execute(
      "CREATE TABLE public.t (n integer PRIMARY KEY CHECK (n > 0), s varchar(2));"
      "CREATE DOMAIN public.d AS integer CHECK (VALUE > 0)");
  session.execute("INSERT INTO public.t VALUES (1)");
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT 1 FROM", "42601"},
      {"SELECT * FROM none", "42P01"},
      {"SELECT 'x'::integer", "22P02 data"},
      {"SELECT 2147483648::integer", "22003 data"},
      {"SELECT 1 / 0", "22012 data"},
      {"INSERT INTO public.t VALUES (2, 'long')", "22001 data"},
      {"INSERT INTO public.t VALUES (1)", "23505 data"},
      {"INSERT INTO public.t VALUES (-1)", "23514 data"},
      {"INSERT INTO public.t VALUES (NULL)", "23502 data"},
      {"SELECT (-1)::public.d", "23514 data"},
      {"DO $$BEGIN RAISE EXCEPTION 'mine'; END$$", "P0001 data"},
      {"DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END$$", "40001"},
      {"DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '40P01'; END$$", "40P01"},
      {"DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END$$", "53100"},
      {"SET LOCAL ROLE pg_monitor; SELECT rolpassword FROM pg_authid", "42501"},
      {"SET statement_timeout = 1; SELECT pg_sleep(5)", "57014"},
  };
  for (const auto& [sql, state] : cases) {
    EXPECT_EQ(state_of(sql), state) << sql;
    EXPECT_EQ(state_of("SET statement_timeout = 0"), "");
  }
  EXPECT_TRUE(state_of("SELECT pg_terminate_backend(pg_backend_pid())").ends_with(" lost"));
}

TEST_F(SessionTest, AReadOnlySessionWritesNothing) {
  Session reader(database.dsn(), "read", Session::Access::read_only);
  try {
    reader.execute("CREATE TABLE public.t (n integer)");
    ADD_FAILURE();
  } catch (const SqlError& error) {
    EXPECT_EQ(error.sqlstate, "25006");
  }
  EXPECT_EQ(
      database.value(
          "SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_activity WHERE datname ="
          " current_database() AND application_name LIKE 'rebuild%'"),
      "rebuild_projection/read rebuild_projection/test");
}

TEST_F(SessionTest, CancelsTheRunningStatementAndNoneAfterwards) {
  std::stop_source stop;
  session.cancel_on(stop.get_token());
  std::jthread other([&] {
    while (database.value(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'") !=
           "1")
      std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_THROW(session.execute("SELECT pg_sleep(60)"), Cancelled);
  other.join();
  EXPECT_THROW(session.execute("SELECT 1"), Cancelled);  // nothing new is begun
  session.cancel_on({});
  EXPECT_EQ(session.execute("SELECT 1").text(0, 0), "1");  // until it listens to another

  std::stop_source requested_before;
  requested_before.request_stop();
  session.cancel_on(requested_before.get_token());
  EXPECT_THROW(session.execute("SELECT 1"), Cancelled);
}

TEST_F(SessionTest, ConnectionsThatFailAreUsageErrorsWithoutThePassword) {
  for (const std::string dsn : {"dbname=there_is_none password=secret_word", "host=/nowhere password=secret_word",
                                "nonsense=1 password=secret_word", "postgresql://user:secret_word@:bad/x"}) {
    try {
      Session(dsn, "test", Session::Access::read_only);
      ADD_FAILURE() << dsn;
    } catch (const UsageError& error) {
      EXPECT_EQ(std::string(error.what()).find("secret_word"), std::string::npos) << error.what();
    }
  }
}

TEST_F(SessionTest, TextsSurviveQuoting) {
  for (const std::string& text : odd_texts) {
    EXPECT_EQ(session.execute("SELECT " + literal(text)).text(0, 0), text);
    EXPECT_EQ(session.execute("SELECT $1::text", {text}).text(0, 0), text);
    if (text.empty() || text.size() > 63) continue;
    session.execute("DROP TABLE IF EXISTS public." + quote_name(text) + "; CREATE TABLE " + quote_name("public", text) +
                    " (" + quote_name(text) + " integer)");
    EXPECT_EQ(session
                  .execute("SELECT attname FROM pg_attribute WHERE attnum = 1 AND attrelid = " +
                           literal(quote_name("public", text)) + "::regclass")
                  .text(0, 0),
              text);
  }
}

TEST_F(SessionTest, ArraysAreTakenApartAsTheyWereMade) {
  ArrayText array;
  for (const std::string& text : odd_texts) {
    array.add(text);
    array.add_null();
  }
  const Rows rows =
      session.execute("SELECT a FROM unnest($1::text[]) WITH ORDINALITY AS u(a, n) ORDER BY n", {array.take()});
  ASSERT_EQ(rows.size(), 2 * odd_texts.size());
  for (std::size_t index = 0; index < odd_texts.size(); ++index) {
    EXPECT_FALSE(rows.is_null(2 * index, 0));
    EXPECT_EQ(rows.text(2 * index, 0), odd_texts[index]);
    EXPECT_EQ(rows.optional(2 * index + 1, 0), std::nullopt);
  }
  EXPECT_EQ(array.take(), "{}");
  array.add_null();
  EXPECT_EQ(array.take(), "{NULL}");
}

}  // namespace
}  // namespace rebuild_projection
