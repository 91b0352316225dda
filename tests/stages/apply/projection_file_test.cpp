// Without this a slip in a projection file could pass, or be reported without the line where it stands.
#include "stages/apply/projection_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "pipeline/error.h"

namespace rebuild_projection {
namespace {

struct Mistake {
  std::string toml;
  int line;
  std::string says;
};

std::ostream& operator<<(std::ostream& stream, const Mistake& mistake) {
  return stream << mistake.toml;
}

/// The file has this mistake, in this line, and no other.
void expect_mistake(const std::string& toml, int line, const std::string& says) {
  std::vector<std::string> mistakes;
  const auto files = read_projection_text("p.toml", toml, mistakes);
  EXPECT_TRUE(files.empty()) << toml;
  ASSERT_EQ(mistakes.size(), 1U) << toml << "\n" << ::testing::PrintToString(mistakes);
  const std::string place = "p.toml:" + std::to_string(line) + ": ";
  EXPECT_EQ(mistakes[0].substr(0, place.size()), place) << toml << "\n" << mistakes[0];
  EXPECT_NE(mistakes[0].find(says), std::string::npos) << toml << "\n" << mistakes[0];
}

std::vector<std::string> mistakes_of(const std::string& toml) {
  std::vector<std::string> mistakes;
  (void)read_projection_text("p.toml", toml, mistakes);
  return mistakes;
}

const std::string head = "name = \"p\"\ntable = \"t\"\nkey = [\"id\"]\n";
const std::string rule = "[[on]]\nevent = \"x\"\nkey = { id = \"@stream_id\" }\n";

class FileMistake : public ::testing::TestWithParam<Mistake> {};
TEST_P(FileMistake, IsReportedWithItsLine) {
  expect_mistake(GetParam().toml, GetParam().line, GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    Files, FileMistake,
    ::testing::Values(Mistake{"name = \"p\"\ntable = = 3\n", 2, "not TOML"},
                      Mistake{head + "name = \"q\"\n" + rule, 4, "not TOML"},
                      Mistake{"table = \"t\"\nkey = [\"id\"]\n" + rule, 1, "no name"},
                      Mistake{"\nname = 7\ntable = \"t\"\nkey = [\"id\"]\n" + rule, 2, "name must be a text"},
                      Mistake{"\nname = \"\"\ntable = \"t\"\nkey = [\"id\"]\n" + rule, 2, "name must be a text"},
                      Mistake{"\nname = \"all\"\ntable = \"t\"\nkey = [\"id\"]\n" + rule, 2, "every projection"},
                      Mistake{"\nname = \"a,b\"\ntable = \"t\"\nkey = [\"id\"]\n" + rule, 2, "comma"},
                      Mistake{"name = \"p\"\nkey = [\"id\"]\n" + rule, 1, "no table"},
                      Mistake{"name = \"p\"\ntable = [\"t\"]\nkey = [\"id\"]\n" + rule, 2, "table must be a text"},
                      Mistake{"name = \"p\"\ntable = \"a.b.c\"\nkey = [\"id\"]\n" + rule, 2, "schema.table"},
                      Mistake{"name = \"p\"\ntable = \".c\"\nkey = [\"id\"]\n" + rule, 2, "schema.table"},
                      Mistake{"name = \"p\"\ntable = \"t\"\n" + rule, 1, "no key"},
                      Mistake{"name = \"p\"\ntable = \"t\"\nkey = \"id\"\n" + rule, 3, "key must be a list"},
                      Mistake{"name = \"p\"\ntable = \"t\"\nkey = []\n" + rule, 3, "key must be a list"},
                      Mistake{"name = \"p\"\ntable = \"t\"\nkey = [\"id\",\n \"id\"]\n" + rule, 4, "twice"},
                      Mistake{"name = \"p\"\ntable = \"t\"\nkey = [\"id\",\n 3]\n" + rule, 4, "name in quotes"},
                      Mistake{head + "version = 0\n" + rule, 4, "whole number from 1"},
                      Mistake{head + "version = -1\n" + rule, 4, "whole number from 1"},
                      Mistake{head + "version = 1.5\n" + rule, 4, "whole number from 1"},
                      Mistake{head + "version = \"1\"\n" + rule, 4, "whole number from 1"},
                      Mistake{head + "versoin = 1\n" + rule, 4, "did you mean \"version\"?"},
                      Mistake{head, 1, "no rule"}, Mistake{head + "on = []\n", 4, "no rule"},
                      Mistake{head + "[on]\nevent = \"x\"\nkey = { id = \"/a\" }\n", 4, "two brackets"},
                      Mistake{head + "on = [\n 3]\n", 5, "a rule must be a table"},
                      Mistake{head + rule + "\n\n[[on]]\nkey = { id = \"/a\" }\n", 9, "no event"},
                      Mistake{head + "[[on]]\nevent = 3\nkey = { id = \"/a\" }\n", 5, "event must be"},
                      Mistake{head + "[[on]]\nevent = []\nkey = { id = \"/a\" }\n", 5, "event types is empty"},
                      Mistake{head + "[[on]]\nevent = [\"a\",\n3]\nkey = { id = \"/a\" }\n", 6, "a text in quotes"},
                      Mistake{head + "[[on]]\nevent = [\"a\",\n\"a\"]\nkey = { id = \"/a\" }\n", 6, "twice"},
                      Mistake{head + "[[on]]\nevent = [\"a\",\n\"*\"]\nkey = { id = \"/a\" }\n", 6,
                              "cannot stand in a list"},
                      Mistake{head + "[[on]]\nevent = \"\"\nkey = { id = \"/a\" }\n", 5, "is empty"},
                      Mistake{head + "[[on]]\nevent = \"x\"\n", 4, "no key"},
                      Mistake{head + "[[on]]\nevent = \"x\"\nkey = \"/a\"\n", 6, "key must be a table"},
                      Mistake{head + "[[on]]\nevent = \"x\"\nkey = {}\n", 6, "key is empty"},
                      Mistake{head + "[[on]]\nevent = \"x\"\nkey = { id = \"/a\", idd = \"/b\" }\n", 6,
                              "not in the projection's key"},
                      Mistake{"name = \"p\"\ntable = \"t\"\nkey = [\"id\", \"no\"]\n" + rule, 6, "\"no\" is missing"}));

class RuleMistake : public ::testing::TestWithParam<Mistake> {};
/// `toml` begins in line 7, inside a rule that is complete.
TEST_P(RuleMistake, IsReportedWithItsLine) {
  expect_mistake(head + rule + GetParam().toml, GetParam().line, GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    Keys, RuleMistake,
    ::testing::Values(
        Mistake{"sett = { a = 1 }", 7, "did you mean \"set\"?"}, Mistake{"set = 3", 7, "set must be a table"},
        Mistake{"\nadd = {}", 8, "add is empty"}, Mistake{"set = { id = 1 }", 7, "key column \"id\""},
        Mistake{"init = { a = 1 }\nset = { a = 2 }", 7, "in line 8"},
        Mistake{"rows = \"insert\"", 7, "\"upsert\" or \"update\""}, Mistake{"rows = 1", 7, "\"upsert\" or \"update\""},
        Mistake{"rows = \"update\"", 4, "does nothing"}, Mistake{"delete = 1", 7, "true or false"},
        Mistake{"delete = true\nrows = \"update\"\n", 8, "rows has no meaning"},
        Mistake{"delete = true\nset = { a = 1 }", 8, "set has no meaning"},
        Mistake{"delete = true\nappend = { a = 1 }", 8, "append has no meaning"},
        Mistake{"[on.set]\na = 1\nb = \"\"", 9, "empty text"},
        Mistake{"add = { a = 1 }\n" + rule + "max = { a = \"/b\" }", 11, "in line 7, under add"},
        Mistake{"min = { a = 1 }\n" + rule + "append = { a = \"/b\" }", 11, "in line 7, under min"},
        Mistake{"for_each = 3", 7, "for_each must be a path"}, Mistake{"for_each = \"./a/*\"", 7, "begin with \"/\""},
        Mistake{"for_each = \"/a\"", 7, "write \"/a/*\""}, Mistake{"for_each = \"/a*/b\"", 7, "no *"},
        Mistake{"for_each = \"/~/*\"", 7, "~0"}));

INSTANTIATE_TEST_SUITE_P(
    Values, RuleMistake,
    ::testing::Values(
        Mistake{"set = { a = \"stage\" }", 7, "{ literal = \"stage\" }"},
        Mistake{"set = { a = \"\" }", 7, "{ literal = \"\" }"}, Mistake{"set = { a = \"/a~\" }", 7, "~0"},
        Mistake{"set = { a = \"/a~2b\" }", 7, "~0"}, Mistake{"set = { a = \"/~01~\" }", 7, "~0"},
        Mistake{"set = { a = \"@time\" }", 7, "no attribute \"@time\""},
        Mistake{"set = { a = \"@streamid\" }", 7, "did you mean \"@stream_id\"?"},
        Mistake{"set = { a = \"@\" }", 7, "no attribute"}, Mistake{"set = { a = \"@01\" }", 7, "no attribute"},
        Mistake{"set = { a = \"@1\" }", 7, "no for_each"}, Mistake{"set = { a = \"./x\" }", 7, "no for_each"},
        Mistake{"set = { a = \".\" }", 7, "no for_each"}, Mistake{"set = { a = \"..\" }", 7, "neither a path"},
        Mistake{"for_each = \"/a/*\"\nset = { a = \"@2\" }", 8, "more * than"},
        Mistake{"for_each = \"/a/*\"\nset = { a = \"@0\" }", 8, "no attribute"},
        Mistake{"for_each = \"/a/*\"\nset = { a = \"./~\" }", 8, "~0"}, Mistake{"set = { a = [1] }", 7, "a list"},
        Mistake{"set = { a = 2025-01-01 }", 7, "date or time"}, Mistake{"set = { a = nan }", 7, "nan and inf"},
        Mistake{"set = { a = -inf }", 7, "nan and inf"}, Mistake{"set = { a = 0.1234567890123456 }", 7, "15 digits"},
        Mistake{"set = { a = {} }", 7, "write { literal"},
        Mistake{"set = { a = { literal = \"x\", path = \"/a\" } }", 7, "stands alone"},
        Mistake{"set = { a = { literal = \"x\", default = 1 } }", 7, "stands alone"},
        Mistake{"set = { a = { literal = [1] } }", 7, "a text, number or boolean"},
        Mistake{"set = { a = { literal = 2025-01-01 } }", 7, "in quotes"},
        Mistake{"set = { a = { literal = \"a\\u0000b\" } }", 7, "U+0000"},
        Mistake{"set = { a = { path = 1 } }", 7, "path must be a text"},
        Mistake{"set = { a = { path = \"a\" } }", 7, "neither a path"},
        Mistake{"set = { a = { path = \"/a\", defalt = 1 } }", 7, "did you mean \"default\"?"},
        Mistake{"set = { a = { path = \"/a\", default = [] } }", 7, "a text, number or boolean"},
        Mistake{"set = { a = { path = \"/a\", default = { path = \"/b\" } } }", 7, "a text, number or boolean"},
        Mistake{"set = { a = { path = \"@ts\", default = 1 } }", 7, "never missing"}));

INSTANTIATE_TEST_SUITE_P(
    Conditions, RuleMistake,
    ::testing::Values(Mistake{"when = 1", 7, "when must be a table"}, Mistake{"when = {}", 7, "when is empty"},
                      Mistake{"when = { a = 1 }", 7, "neither a path"}, Mistake{"when = { \"\" = 1 }", 7, "empty text"},
                      Mistake{"when = { \"./a\" = 1 }", 7, "no for_each"},
                      Mistake{"when = { \"@1\" = \"a\" }", 7, "no for_each"},
                      Mistake{"when = { \"/a\" = [] }", 7, "empty list"},
                      Mistake{"when = { \"/a\" = [\"x\",\n[1]] }", 8, "a text, number or boolean"},
                      Mistake{"when = { \"/a\" = 2025-01-01 }", 7, "in quotes"},
                      Mistake{"when = { \"/a\" = { exists = 1 } }", 7, "{ exists = true }"},
                      Mistake{"when = { \"/a\" = { exist = true } }", 7, "{ exists = true }"},
                      Mistake{"when = { \"/a\" = { exists = true, or = 1 } }", 7, "{ exists = true }"},
                      Mistake{"when = { \"@ts\" = \"yesterday\" }", 7, "compared with a time"},
                      Mistake{"when = { \"@ts\" = 3 }", 7, "compared with a time"},
                      Mistake{"when = { \"@type\" = true }", 7, "never equals a boolean"},
                      Mistake{"when = { \"@type\" = 1 }", 7, "never equals a number"}));

TEST(ProjectionFile, ReportsEverythingAtOnceInTheOrderOfTheLines) {
  const auto mistakes =
      mistakes_of("name = \"p\"\nkey = [\"id\"]\nversion = 0\n[[on]]\nkey = { id = \"x\" }\nset = { a = \"y\" }\n");
  ASSERT_EQ(mistakes.size(), 5U) << ::testing::PrintToString(mistakes);
  const std::vector<std::string> places = {"p.toml:1: ", "p.toml:3: ", "p.toml:4: ", "p.toml:5: ", "p.toml:6: "};
  for (std::size_t i = 0; i < places.size(); ++i) EXPECT_TRUE(mistakes[i].starts_with(places[i])) << mistakes[i];
}

TEST(ProjectionFile, TakesTheWholeLanguage) {
  std::vector<std::string> mistakes;
  const auto files = read_projection_text("p.toml", R"(
name  = "p"
table = "app.t"
key   = ["id"]

[[on]]
event = ["a", "b"]
when  = { "/s" = ["x", 1, 1.5, true], "/n" = { exists = false }, "@ts" = "2025-02-01T00:00:00Z" }
key   = { id = "@stream_id" }
init  = { c1 = "@ts" }
set   = { c2 = "/a~1b/~0", c3 = { literal = "" }, c4 = { path = "/x", default = "d" }, c5 = "@payload", c6 = "/*" }
add   = { c7 = { literal = "0.10" }, c8 = -1 }
min   = { c9 = 0.1 }
max   = { c10 = "/" }
append = { c11 = "@position" }

[[on]]
event    = "*"
for_each = "/a/*/b/*"
when     = { "./x" = 1, "@2" = "k" }
key      = { id = "." }
rows     = "update"
set      = { c2 = "@1", c3 = "./y", c4 = "/top", c5 = "@metadata", c6 = "@event_id" }

[[on]]
event  = "gone"
key    = { id = { literal = 5 } }
delete = true
)",
                                          mistakes);
  EXPECT_EQ(mistakes, std::vector<std::string>{});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].name(), "p");
  EXPECT_EQ(files[0].table(), "app.t");
  EXPECT_EQ(files[0].table_line(), 3);
  EXPECT_EQ(files[0].path(), "p.toml");
}

/// A directory of its own, removed at the end.
class ProjectionDirectory : public ::testing::Test {
 protected:
  ProjectionDirectory() : path_(std::filesystem::temp_directory_path() / ("projections-" + std::to_string(getpid()))) {
    std::filesystem::create_directory(path_);
  }
  ~ProjectionDirectory() override { std::filesystem::remove_all(path_); }
  ProjectionDirectory(const ProjectionDirectory&) = delete;
  ProjectionDirectory& operator=(const ProjectionDirectory&) = delete;

  void write(const std::string& file, const std::string& text) const { std::ofstream(path_ / file) << text; }

  static std::string projection(const std::string& name) {
    return "name = \"" + name + "\"\ntable = \"t\"\nkey = [\"id\"]\n" + rule;
  }

  std::filesystem::path path_;
};

TEST_F(ProjectionDirectory, GivesItsFilesInTheOrderOfTheirNames) {
  write("b.toml", projection("one"));
  write("a.toml", projection("two"));
  write("a.toml.bak", "no TOML");
  write(".a.toml", "no TOML");
  write("tables.sql", "no TOML");
  const ProjectionFiles files = read_projection_files(path_);
  EXPECT_TRUE(files.mistaken.empty());
  ASSERT_EQ(files.good.size(), 2U);
  EXPECT_EQ(files.good[0].name(), "two");
  EXPECT_EQ(files.good[1].name(), "one");
}

TEST_F(ProjectionDirectory, RefusesTwoFilesOfOneName) {
  write("a.toml", projection("same"));
  write("b.toml", "\n" + projection("same"));
  write("c.toml", "[[");
  const ProjectionFiles files = read_projection_files(path_);
  EXPECT_EQ(files.good.size(), 1U);
  ASSERT_EQ(files.mistaken.size(), 2U);
  EXPECT_EQ(files.mistaken[0].name, "same");
  EXPECT_EQ(files.mistaken[0].mistakes.at(0), (path_ / "b.toml").string() + ":2: the name \"same\" is taken by " +
                                                  (path_ / "a.toml").string() + ":1; choose another one");
  EXPECT_EQ(files.mistaken[1].name, "");
  const std::string& mistake = files.mistaken[1].mistakes.at(0);
  EXPECT_TRUE(mistake.starts_with((path_ / "c.toml").string() + ":1: this is not TOML")) << mistake;
}

TEST_F(ProjectionDirectory, SaysWhichFileCannotBeRead) {
  std::filesystem::create_directory(path_ / "folder.toml");
  const ProjectionFiles files = read_projection_files(path_);
  EXPECT_TRUE(files.good.empty());
  ASSERT_EQ(files.mistaken.size(), 1U);
  const std::string& mistake = files.mistaken[0].mistakes.at(0);
  EXPECT_NE(mistake.find("folder.toml:1: this file cannot be read"), std::string::npos) << mistake;
}

TEST_F(ProjectionDirectory, MustBeThere) {
  EXPECT_THROW((void)read_projection_files(path_ / "none"), UsageError);
}

}  // namespace
}  // namespace rebuild_projection
