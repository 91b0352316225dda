// Without this file work could be given up after one lost connection, be tried for ever, or be repeated where that
// cannot help.
#include "stages/postgres/lasting_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "pipeline/error.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

using testing::HasSubstr;

class LastingSessionTest : public testing::Test {
 protected:
  /// Connects to the test's database, and keeps which backends were said to be lost: 0 where none was.
  LastingSession::Connect connect() {
    return [this](const Session::Backend* lost) {
      lost_pids.push_back(lost == nullptr ? 0 : lost->pid);
      if (refusals > 0) {
        --refusals;
        throw CannotConnect("nobody is let in");
      }
      return make_session();
    };
  }
  std::unique_ptr<Session> make_session() {
    return std::make_unique<Session>(database.dsn(), "test", Session::Access::read_write);
  }
  LastingSession lasting(RetryLimits limits = {}) {
    return LastingSession(make_session(), connect(), limits, give_up.get_token());
  }
  /// Ends the session's own connection.
  void lose(Session& session) {
    database.execute("SELECT pg_terminate_backend(" + std::to_string(session.backend().pid) + ", 30000)");
    session.execute("SELECT 1");
  }
  /// An error of that state.
  static void raise(Session& session, const std::string& state) {
    session.execute("DO $$ BEGIN RAISE EXCEPTION 'raised' USING ERRCODE = '" + state + "'; END $$");
  }
  /// What use() throws; its type's letter stands before it: S for SqlError, C for Cancelled, R for RunError otherwise.
  template <typename Work>
  static std::string failure(LastingSession& lasting, Work&& work) {
    try {
      lasting.use(work);
    } catch (const SqlError& error) {
      return "S " + error.sqlstate;
    } catch (const Cancelled& error) {
      return std::string("C ") + error.what();
    } catch (const RunError& error) {
      return std::string("R ") + error.what();
    }
    return "";
  }

  test::Database database;
  std::stop_source give_up;
  std::vector<int> lost_pids;
  int refusals = 0;
};

TEST_F(LastingSessionTest, ReturnsWhatTheWorkReturns) {
  LastingSession session = lasting();
  EXPECT_EQ(session.use([](Session& in) { return in.execute("SELECT 7").number(0, 0); }), 7U);
  EXPECT_EQ(session.number(), 1U);
  EXPECT_EQ(session.retries(), 0U);
}

TEST_F(LastingSessionTest, ConnectsAtTheFirstUseIfItHasNoSession) {
  LastingSession session(nullptr, connect(), {}, {});
  EXPECT_EQ(session.number(), 0U);
  session.use([](Session&) {});
  EXPECT_EQ(session.number(), 1U);
  EXPECT_EQ(lost_pids, std::vector<int>{0});
}

TEST_F(LastingSessionTest, TriesAgainWhatIsTransient) {
  for (const char* state : {"40001", "40P01", "53300", "57P03", "57P01", "57P02"}) {
    LastingSession session = lasting();
    int tries = 0;
    session.use([&](Session& in) {
      if (++tries < 2) raise(in, state);
    });
    EXPECT_EQ(tries, 2) << state;
    EXPECT_EQ(session.retries(), 1U);
  }
}

TEST_F(LastingSessionTest, KeepsASessionThatIsNotLost) {
  for (const char* state : {"40001", "40P01"}) {
    LastingSession session = lasting();
    int tries = 0;
    const int pid = session.use([&](Session& in) {
      if (++tries < 3) raise(in, state);
      return in.backend().pid;
    });
    EXPECT_EQ(tries, 3) << state;
    EXPECT_EQ(session.retries(), 2U);
    EXPECT_EQ(session.number(), 1U);
    EXPECT_NE(pid, 0);
  }
  EXPECT_TRUE(lost_pids.empty());
}

TEST_F(LastingSessionTest, RollsBackBetweenTries) {
  database.execute("CREATE TABLE t (n integer)");
  LastingSession session = lasting();
  int tries = 0;
  session.use([&](Session& in) {
    in.execute("BEGIN");
    in.execute("INSERT INTO public.t VALUES (" + std::to_string(++tries) + ")");
    if (tries < 3) raise(in, "40001");
    in.execute("COMMIT");
  });
  EXPECT_EQ(database.rows("SELECT n FROM t"), std::vector<std::string>{"3"});
}

TEST_F(LastingSessionTest, DoesNotTryAgainWhatIsNotTransient) {
  for (const char* state : {"23505", "42P01", "57014", "P0001"}) {
    LastingSession session = lasting();
    int tries = 0;
    EXPECT_EQ(failure(session,
                      [&](Session& in) {
                        ++tries;
                        raise(in, state);
                      }),
              std::string("S ") + state);
    EXPECT_EQ(tries, 1);
  }
  LastingSession session = lasting();
  int tries = 0;
  EXPECT_EQ(failure(session,
                    [&](Session&) {
                      ++tries;
                      throw RunError("other");
                    }),
            "R other");
  EXPECT_EQ(tries, 1);
}

TEST_F(LastingSessionTest, ReplacesALostSession) {
  LastingSession session = lasting();
  std::vector<int> pids;
  session.use([&](Session& in) {
    pids.push_back(in.backend().pid);
    if (pids.size() < 3) lose(in);
  });
  ASSERT_EQ(pids.size(), 3U);
  EXPECT_EQ(lost_pids, (std::vector<int>{pids[0], pids[1]}));
  EXPECT_EQ(session.number(), 3U);
  EXPECT_EQ(session.retries(), 2U);
  session.use([&](Session& in) { EXPECT_EQ(in.backend().pid, pids[2]); });
}

TEST_F(LastingSessionTest, NamesTheLostBackendUntilThereIsAnother) {
  LastingSession session = lasting();
  refusals = 2;
  int first = 0;
  int tries = 0;
  session.use([&](Session& in) {
    if (++tries > 1) return;
    first = in.backend().pid;
    lose(in);
  });
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(lost_pids, (std::vector<int>{first, first, first}));
  EXPECT_EQ(session.number(), 2U);
  EXPECT_EQ(session.retries(), 3U);
}

TEST_F(LastingSessionTest, ReplacesASessionThatIsLostWhenItRollsBack) {
  LastingSession session = lasting();
  int tries = 0;
  session.use([&](Session& in) {
    if (++tries > 1) return;
    try {
      lose(in);
    } catch (const SqlError&) {
      throw SqlError("40001", "of a session that is gone", "");
    }
  });
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(session.number(), 2U);
}

TEST_F(LastingSessionTest, GivesUpAfterSoManyTries) {
  LastingSession session = lasting({.retries = 2});
  for (int work = 0; work < 2; ++work) {  // each piece of work has its own
    int tries = 0;
    const std::string failed = failure(session, [&](Session& in) {
      ++tries;
      raise(in, "40001");
    });
    EXPECT_EQ(tries, 3);
    EXPECT_THAT(failed, HasSubstr("R raised; it was tried again 2 times within "));
    EXPECT_THAT(failed, HasSubstr("(--retries, --retry-max-seconds)"));
  }
  EXPECT_EQ(session.retries(), 4U);
}

TEST_F(LastingSessionTest, GivesUpWhenItsTimeIsOver) {
  LastingSession session = lasting({.retries = 1000, .seconds_max = std::chrono::seconds(0)});
  int tries = 0;
  EXPECT_THAT(failure(session,
                      [&](Session& in) {
                        ++tries;
                        raise(in, "40001");
                      }),
              HasSubstr("R raised; it was tried again 0 times within 0 s"));
  EXPECT_EQ(tries, 1);
}

TEST_F(LastingSessionTest, TriesOnceWithoutRetries) {
  LastingSession session = lasting({.retries = 0});
  int tries = 0;
  EXPECT_EQ(failure(session,
                    [&](Session& in) {
                      ++tries;
                      raise(in, "40001");
                    }),
            "S 40001");
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(session.retries(), 0U);
}

TEST_F(LastingSessionTest, TheFirstConnectionIsTriedAgainToo) {
  refusals = 2;
  LastingSession session(nullptr, connect(), {}, {});
  session.use([](Session&) {});
  EXPECT_EQ(lost_pids.size(), 3U);
  EXPECT_EQ(session.retries(), 2U);
}

TEST_F(LastingSessionTest, AStopEndsTheWait) {
  LastingSession session = lasting();
  int tries = 0;
  EXPECT_EQ(failure(session,
                    [&](Session& in) {
                      ++tries;
                      give_up.request_stop();
                      raise(in, "40001");
                    }),
            "C stopped while it was to be tried again: raised");
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(session.retries(), 0U);
}

}  // namespace
}  // namespace rebuild_projection
