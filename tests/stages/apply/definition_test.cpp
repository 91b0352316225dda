// Without this a checkpoint could be resumed under changed rules, or refused after a comment was added.
#include "stages/apply/definition.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/stages/apply/sample_table.h"

namespace rebuild_projection {
namespace {

std::string definition(const std::string& toml) {
  return test::bind_text(toml)->definition();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

const std::string original = R"(name = "p"
table = "t"
key = ["id"]
[[on]]
event = ["x", "y"]
when = { "/a" = ["u", 1], "/b" = { exists = true } }
key = { id = "@stream_id" }
set = { word = "/w", label = { literal = "/w" } }
add = { n = 1, m = { path = "/m", default = 2 } }
[[on]]
event = "z"
for_each = "/l/*"
key = { id = "./id" }
set = { word = "@1" }
)";

TEST(Definition, DoesNotSeeTheLayoutOfTheFile) {
  EXPECT_EQ(definition(original), definition(R"(
# a comment
key     = [ "id" ]
version = 1
name    = 'p'
table   = "t"
[[on]]
add   = { m = { default = { literal = 2.0 }, path = "/m" }, n = { literal = 1 } }
key   = { id = "@stream_id" }
rows  = "upsert"
event = [
  "y",
  "x" ]
[on.set]
label = { literal = "\u002fw" }
word  = "/w"
[on.when]
"/b" = { exists = true }
"/a" = [1, "u"]
[[on]]
event = ["z"]
key = { id = "./id" }
set = { word = "@1" }
for_each = "/l/*"
)"));
}

TEST(Definition, SeesEveryChangeOfMeaning) {
  std::set<std::string> seen = {definition(original)};
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"name = \"p\"", "name = \"q\""},
      {"table = \"t\"", "table = \"app.t\""},
      {"table", "version = 2\ntable"},
      {"key = [\"id\"]\n[[on]]\nevent = [\"x\", \"y\"]", "key = [\"id\"]\n[[on]]\nevent = \"*\""},
      {"\"x\", \"y\"", "\"x\""},
      {"\"x\", \"y\"", "\"x\\\" \\\"y\""},
      {"\"u\", 1", "\"u\""},
      {"\"u\", 1", "\"u\", \"1\""},
      {"exists = true", "exists = false"},
      {"@stream_id", "@event_id"},
      {"word = \"/w\"", "word = \"/v\""},
      {"word = \"/w\"", "loose = \"/w\""},
      {"word = \"/w\"", "word = { literal = \"x\" }"},
      {"{ literal = \"/w\" }", "\"/w\""},
      {"add = { n = 1,", "rows = \"update\"\nadd = { n = 1,"},
      {"add = { n = 1,", "add = { n = 2,"},
      {"add = {", "max = {"},
      {"default = 2", "default = \"2\""},
      {"default = 2", "default = 3"},
      {", default = 2", ""},
      {"/l/*", "/m/*"},
      {"set = { word = \"@1\" }", "delete = true"},
      {"set = { word = \"@1\" }", "init = { word = \"@1\" }"},
  };
  for (const auto& [from, to] : changes)
    EXPECT_TRUE(seen.insert(definition(replaced(original, from, to))).second) << from << " -> " << to;
}

TEST(Definition, SeesTheOrderOfTheRules) {
  const std::string head = "name = \"p\"\ntable = \"t\"\nkey = [\"id\"]\n";
  const std::string first = "[[on]]\nevent = \"x\"\nkey = { id = \"/a\" }\nset = { word = \"/a\" }\n";
  const std::string second = "[[on]]\nevent = \"x\"\nkey = { id = \"/a\" }\nset = { word = \"/b\" }\n";
  EXPECT_NE(definition(head + first + second), definition(head + second + first));
}

}  // namespace
}  // namespace rebuild_projection
