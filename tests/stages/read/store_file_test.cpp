// Without this file a mistake in a store file could be passed over, or be reported without the line to go to.
#include <gtest/gtest.h>

#include <algorithm>

#include "pipeline/error.h"
#include "stages/read/store_file.h"
#include "tests/support/program.h"

namespace rebuild_projection {
namespace {

const std::string good =
    "name = \"mine\"\nfrom = \"s.events\"\norder = [\"ts\", \"id\"]\nevent_id = \"id\"\nts = \"ts\"\ntype = \"kind\"\n"
    "stream_id = \"stream\"\npayload = \"body\"\nmetadata = \"meta\"\nhorizon = \"e.xid < 7\"\n";

std::string mistakes_of(const std::string& toml) {
  try {
    read_store_text("my.toml", toml);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(StoreFileTest, HoldsWhatTheFileSays) {
  const StoreFile file = read_store_text("my.toml", good);
  EXPECT_EQ(file.name, "mine");
  EXPECT_EQ(file.from, "s.events");
  EXPECT_EQ(file.order, (std::vector<std::string>{"ts", "id"}));
  EXPECT_EQ(file.event_id + file.ts + file.type + file.stream_id + file.payload + file.metadata,
            "idtskindstreambodymeta");
  EXPECT_EQ(file.horizon, "e.xid < 7");
  EXPECT_EQ(file.at("payload"), "my.toml:8: ");
  EXPECT_EQ(file.at("nothing"), "my.toml:1: ");
  EXPECT_FALSE(file.is_subquery());
  EXPECT_TRUE(
      read_store_text("x", "from = \"(SELECT 1)\"\norder = [\"a\"]\nevent_id = \"a\"\ntype = \"b\"\npayload = \"c\"")
          .is_subquery());
}

TEST(StoreFileTest, OptionalKeysMayBeAbsentOrEmpty) {
  const StoreFile file = read_store_text("stores/orders.toml",
                                         "from = \"events\"\norder = [\"id\"]\nts = \"\"\ntype = \"t\"\n"
                                         "payload = \"p\"\nmetadata = \"\"\n");
  EXPECT_EQ(file.name, "orders");
  EXPECT_EQ(file.about + file.event_id + file.ts + file.stream_id + file.metadata + file.horizon, "");
  EXPECT_FALSE(file.per_stream);
  EXPECT_TRUE(read_store_text("x", good + "per_stream = true").per_stream);
}

TEST(StoreFileTest, EveryMistakeNamesItsLine) {
  const struct {
    std::string line, replacement, said;
  } cases[] = {
      {"from = \"s.events\"", "from = \"\"", "my.toml:2: \"from\" must not be empty"},
      {"from = \"s.events\"", "from = 5", "my.toml:2: \"from\" must be a text"},
      {"order = [\"ts\", \"id\"]", "order = \"ts\"", "my.toml:3: \"order\" must be a list"},
      {"order = [\"ts\", \"id\"]", "order = []", "my.toml:3: \"order\" must be a list"},
      {"order = [\"ts\", \"id\"]", "order = [\"ts\", 5]", "my.toml:3: \"order\" must be a list"},
      {"order = [\"ts\", \"id\"]", "order = [\"ts\", \"\"]", "my.toml:3: \"order\" must be a list"},
      {"order = [\"ts\", \"id\"]", "", "\"order\" is missing"},
      {"event_id = \"id\"", "event_id = 7", "my.toml:4: \"event_id\" must be a text"},
      {"event_id = \"id\"", "per_stream = \"yes\"", "my.toml:4: \"per_stream\" must be true or false"},
      {"type = \"kind\"", "type = true", "my.toml:6: \"type\" must be a text"},
      {"payload = \"body\"", "payload = [\"body\"]", "my.toml:8: \"payload\" must be a text"},
      {"metadata = \"meta\"", "meta = \"meta\"", "my.toml:9: unknown key \"meta\""},
      {"horizon = \"e.xid < 7\"", "horizon = 7", "my.toml:10: \"horizon\" must be a text"},
      {"ts = \"ts\"\n", "ts = \"ts\n", "my.toml:5: not TOML"},
      {"ts = \"ts\"\n", "ts = \"ts\"\nts = \"ts\"\n", "my.toml:6: not TOML"},
  };
  for (const auto& [line, replacement, said] : cases) {
    std::string toml = good;
    toml.replace(toml.find(line), line.size(), replacement);
    EXPECT_NE(mistakes_of(toml).find(said), std::string::npos) << replacement << " gives: " << mistakes_of(toml);
  }
}

TEST(StoreFileTest, AllMistakesAreToldAtOnce) {
  const std::string mistakes = mistakes_of("from = 1\norder = 2\nwhat = 3\ntype = \"\"\n");
  for (const char* said : {"my.toml:1: \"from\"", "my.toml:2: \"order\"", "my.toml:3: unknown key \"what\"",
                           "my.toml:4: \"type\"", "\"payload\" is missing"})
    EXPECT_NE(mistakes.find(said), std::string::npos) << said << " is not in: " << mistakes;
  EXPECT_EQ(std::count(mistakes.begin(), mistakes.end(), '\n'), 4);
}

TEST(StoreFileTest, AFileThatIsNotThereIsNamed) {
  const test::Folder folder;
  EXPECT_EQ(read_store_file(folder.write("a.toml", good)).path, folder.path() + "/a.toml");
  for (const std::string& path : {folder.path() + "/none.toml", folder.path()}) try {
      read_store_file(path);
      ADD_FAILURE() << path;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace rebuild_projection
