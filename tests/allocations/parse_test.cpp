// Without this test parse could come to allocate for every event.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "stages/apply/projection_file.h"
#include "stages/parse/json_parser.h"
#include "tests/allocations/counted.h"
#include "tests/support/catalogue.h"
#include "tests/support/pages.h"

namespace rebuild_projection {
namespace {

using test::allocations;

constexpr std::string_view projection = R"(
name = "summary"
table = "summary"
key = ["id"]
[[on]]
event = "created"
key = { id = "@stream_id" }
set = { full_name = "/full_name", city = "/address/city" }
add = { total = "/score" }
)";

Page page(unsigned events) {
  std::vector<test::PageEvent> made;
  for (unsigned number = 0; number < events; ++number) {
    test::PageEvent& event = made.emplace_back();
    event.event_id = std::to_string(number);
    event.stream_id = std::to_string(number % 7);
    event.type = number % 3 == 0 ? "ignored" : "created";
    event.payload = R"({"note": ["a", {"b": 1}], "score": )" + std::to_string(number) +
                    R"(, "address": {"city": "a city with a long name", "zip": null}, "full_name": "Somebody )" +
                    std::to_string(number) + R"( with a long name"})";
  }
  return test::make_page(made);
}

TEST(ParseAllocations, AsManyForALargePageAsForASmallOne) {
  using namespace test;
  std::vector<std::string> mistakes;
  const auto projector = read_projection_text("summary.toml", projection, mistakes)
                             .at(0)
                             .bind(keyed_table("summary", {text_column("id"), text_column("full_name"),
                                                           text_column("city"), numeric_column("total")}),
                                   mistakes);
  ASSERT_TRUE(projector) << mistakes.at(0);
  for (const PayloadFormat format : {PayloadFormat::jsonb, PayloadFormat::json}) {
    const auto parser = make_json_parser({projector.get()}, format);
    const auto allocations_of = [&](const Page& parsed) {
      const std::size_t before = allocations;
      const ParsedPage found = parser->parse(parsed);
      EXPECT_TRUE(found.errors.empty());
      EXPECT_EQ(found.values.size() % 3, 0U);
      return allocations - before;
    };
    const Page small = page(300), large = page(6'000);
    allocations_of(large);  // the first makes simdjson's parser
    const std::size_t of_small = allocations_of(small);
    EXPECT_GT(of_small, 0U);  // they are counted at all
    EXPECT_EQ(allocations_of(large), of_small);
  }
}

}  // namespace
}  // namespace rebuild_projection
