// Without this file the pages in tools/ could name options that the program does not have, or forget some.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "tests/support/page.h"
#include "tools/option_table.h"

namespace rebuild_projection::test {
namespace {

const std::string tools = REBUILD_PROJECTION_TOOLS_DIR;

std::string without(std::string text, const std::string& part) {
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos;) text.erase(at, part.size());
  return text;
}

/// "--mode DRY_RUN|APPLY", "--list", ...: the options with their values in the first column of the table of options.
std::set<std::string> options_of_the_page() {
  std::set<std::string> result;
  const std::regex option("`(--[^`]*)`");
  for (const std::string& line : lines_of(tools + "/README.md")) {
    if (!line.starts_with("| `--")) continue;
    const std::string cell = line.substr(0, line.find(" | "));
    for (std::sregex_iterator match(cell.begin(), cell.end(), option), end; match != end; ++match)
      result.insert(without((*match)[1], "\\"));  // a bar inside a cell is written \|
  }
  return result;
}

TEST(Pages, TheTableOfOptionsIsTheProgramsOwn) {
  std::set<std::string> options;
  for (const OptionSpec& option : option_table())
    options.insert("--" + std::string(option.name) + (option.value.empty() ? "" : " " + std::string(option.value)));
  EXPECT_EQ(options_of_the_page(), options);
}

TEST(Pages, SamplesUseOptionsThatThereAre) {
  const std::regex option("(?:^|[ \"])--([a-z][a-z-]*)");
  for (const char* sample : {"job.yaml", "rebuild-projection.service"}) {
    int found = 0;
    for (const std::string& line : lines_of(tools + "/deploy/" + sample))
      for (std::sregex_iterator match(line.begin(), line.end(), option), end; match != end; ++match, ++found)
        EXPECT_NE(find_option((*match)[1].str()), nullptr) << sample << ": " << line;
    EXPECT_GE(found, 3) << sample;
  }
  const std::regex variable("(REBUILD_[A-Z_]+)=");
  std::set<std::string> variables;
  for (const OptionSpec& spec : option_table())
    if (spec.from_elsewhere) variables.insert(environment_name(spec.name));
  int found = 0;
  for (const std::string& line : lines_of(tools + "/deploy/Containerfile"))
    if (std::smatch match; std::regex_search(line, match, variable)) {
      EXPECT_TRUE(variables.contains(match[1])) << line;
      ++found;
    }
  EXPECT_GE(found, 3);
}

}  // namespace
}  // namespace rebuild_projection::test
