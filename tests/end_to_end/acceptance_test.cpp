// Without this file nothing would show that real events, half a million of them, come out as the database itself says.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "tests/end_to_end/store_shapes.h"
#include "tests/support/database.h"
#include "tests/support/program.h"

namespace rebuild_projection::test {
namespace {

/// Runs where REBUILD_PROJECTION_ACCEPTANCE names a folder with fines/: load.sh fills a database with events and makes
/// the tables, oracle.sql prints how many rows of each projection differ from what the database computes by itself.
class AcceptanceTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("REBUILD_PROJECTION_ACCEPTANCE");
    if (folder == nullptr) GTEST_SKIP() << "REBUILD_PROJECTION_ACCEPTANCE names no folder of real events";
    fines_ = std::string(folder) + "/fines";
    ASSERT_TRUE(std::filesystem::exists(fines_ + "/load.sh")) << fines_;
    database_ = std::make_unique<Database>();
  }

  void load(const std::string& events = "") {
    const int status =
        std::system(("PGDATABASE=" + database_->name() + " '" + fines_ + "/load.sh' " + events + " >&2").c_str());
    ASSERT_EQ(status, 0);
  }
  std::vector<std::string> apply(const std::vector<std::string>& more) {
    std::vector<std::string> all{"--dsn", database_->dsn(), "--projections", fines_, "--projection",
                                 "all",   "--mode",         "APPLY"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Program::Result verify() {
    return Program::run(
        {"--dsn", database_->dsn(), "--projections", fines_, "--projection", "all", "--mode", "VERIFY"});
  }
  void expect_right_after(const std::vector<std::string>& more) {
    Program program(apply(more));
    const auto run = program.wait(std::chrono::minutes(4));
    EXPECT_EQ(run.exit_code, 0) << run.err << run.out;
    expect_no_difference(testing::PrintToString(more));
  }
  void expect_no_difference(const std::string& after) {
    const std::string file = results_.path() + "/oracle.txt";
    const std::string command =
        "psql -qtAX -v ON_ERROR_STOP=1 -d " + database_->name() + " -f '" + fines_ + "/oracle.sql' >'" + file + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(results_.read("oracle.txt"), "fine_summary|0\narticle_summary|0\n") << after;
  }

  std::string fines_;
  std::unique_ptr<Database> database_;
  Folder results_;
};

TEST_F(AcceptanceTest, WholeLogOfFines) {
  load();
  const std::string store = database_->store_digest();
  expect_right_after({"--batch-size", "100000", "--tokens", "16"});
  EXPECT_EQ(database_->value("SELECT sum(paid) FROM fine_summary"), "3601464.53");
  EXPECT_EQ(database_->value("SELECT count(*) FROM fine_summary"), "150370");

  {  // interrupted as soon as some batches are through
    Program program(apply({"--batch-size", "10000"}));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline &&
           database_->value("SELECT batches BETWEEN 3 AND 40 AND events < 561470 FROM"
                            " rebuild_projection.rebuild_checkpoints WHERE projection_name = 'fine_summary'") != "t")
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    program.signal(SIGINT);
    EXPECT_EQ(program.wait().exit_code, 3);
    EXPECT_NE(database_->value("SELECT sum(paid) FROM fine_summary"), "3601464.53");
  }
  expect_right_after({});  // a rerun, with batches of 200
  EXPECT_EQ(database_->value("SELECT sum(paid) FROM fine_summary"), "3601464.53");
  EXPECT_EQ(database_->store_digest(), store);

  {
    const auto equal = verify();
    EXPECT_EQ(equal.exit_code, 0) << equal.out << equal.err;
  }
  const std::string fine = database_->value("SELECT fine_id FROM fine_summary ORDER BY md5(fine_id) LIMIT 1");
  database_->execute("UPDATE fine_summary SET paid = paid + 0.01 WHERE fine_id = '" + fine + "'");
  const auto drifted = verify();
  EXPECT_EQ(drifted.exit_code, 4) << drifted.err;
  EXPECT_NE(drifted.out.find("  different  fine_id = " + fine + ": paid\n"), std::string::npos) << drifted.out;
  EXPECT_NE(drifted.out.find("Not as the events say, in public.fine_summary: 1 row; by column: paid 1\n"),
            std::string::npos)
      << drifted.out;
}

TEST_F(AcceptanceTest, TwentyThousandEventsInTheStoresOfOthers) {
  load("20000");
  database_->execute(
      "CREATE TABLE log AS SELECT row_number() OVER (ORDER BY ts, event_id) AS n, event_id AS id, aggregate_id AS "
      "stream,"
      " row_number() OVER (PARTITION BY aggregate_id ORDER BY ts, event_id) AS seq, event_type AS kind, ts,"
      " payload AS body, false AS hidden, 'a' AS tenant FROM event_store");
  for (const char* preset : {"message-db", "marten", "emmett", "commanded", "rails-event-store", "patchlevel"}) {
    const StoreShape& shape = store_shape(preset);
    shape.create(*database_);
    shape.copy_log(*database_);
    expect_right_after({"--store", preset, "--batch-size", "1000"});
    EXPECT_EQ(database_->value("SELECT min(events) || ' ' || max(store) FROM rebuild_projection.rebuild_checkpoints"),
              "20000 " + std::string(preset));
  }
}

TEST_F(AcceptanceTest, TwentyThousandEventsInEveryShape) {
  load("20000");
  const std::string store = database_->store_digest();
  for (const auto& more : std::vector<std::vector<std::string>>{{"--batch-size", "7"},
                                                                {"--batch-size", "1"},
                                                                {"--batch-size", "7", "--tokens", "1"},
                                                                {"--batch-size", "200", "--tokens", "1"},
                                                                {"--batch-size", "200", "--tokens", "16"},
                                                                {"--batch-size", "100000", "--tokens", "1"},
                                                                {"--truncate"}})
    expect_right_after(more);
  EXPECT_EQ(database_->store_digest(), store);
}

}  // namespace
}  // namespace rebuild_projection::test
