// Without this a rule could run for events that its `when` leaves out, or be silent for those it names.
#include <gtest/gtest.h>

#include <string>

#include "pipeline/error.h"
#include "tests/stages/apply/memory_rows.h"
#include "tests/stages/apply/sample_table.h"

namespace rebuild_projection {
namespace {

using test::bind_text;
using test::boolean;
using test::handle;
using test::MemoryEvent;
using test::MemoryRows;
using test::null;
using test::number;
using test::text;

const std::string head = "name = \"p\"\ntable = \"t\"\nkey = [\"id\"]\n";

std::unique_ptr<Projector> rule_with(const std::string& when) {
  return bind_text(head + "[[on]]\nevent = \"x\"\nkey = { id = \"@stream_id\" }\n" + when);
}

struct When {
  std::string condition;
  Json value;
  bool holds;
  friend void PrintTo(const When& when, std::ostream* out) { *out << when.condition << " on " << when.value.text; }
};

class ConditionOn : public ::testing::TestWithParam<When> {};
TEST_P(ConditionOn, Holds) {
  const auto projector = rule_with("when = { \"/v\" = " + GetParam().condition + " }\n");
  MemoryRows rows;
  handle(*projector, {"x", {{"/v", GetParam().value}}}, rows);
  EXPECT_EQ(rows.size(), GetParam().holds ? 1U : 0U) << GetParam().condition << " of " << GetParam().value.text;
}

INSTANTIATE_TEST_SUITE_P(
    Values, ConditionOn,
    ::testing::Values(When{"\"a\"", text("a"), true}, When{"\"a\"", text("A"), false}, When{"\"a\"", Json{}, false},
                      When{"\"a\"", null(), false}, When{"\"1\"", number("1"), false}, When{"\"\"", text(""), true},
                      When{"\"true\"", boolean(true), false}, When{"true", boolean(true), true},
                      When{"true", boolean(false), false}, When{"false", boolean(false), true},
                      When{"true", text("true"), false}, When{"1", number("1"), true}, When{"1", number("1.00"), true},
                      When{"1", number("1e0"), true}, When{"1", number("10e-1"), true},
                      When{"1.5", number("1.50"), true}, When{"1", number("2"), false}, When{"1", text("1"), false},
                      When{"0", number("-0"), true}, When{"1", number("1e400000"), false},
                      When{"9007199254740993", number("9007199254740992"), false},
                      When{"[\"a\", 1, true]", text("a"), true}, When{"[\"a\", 1, true]", number("1.0"), true},
                      When{"[\"a\", 1, true]", boolean(true), true}, When{"[\"a\", 1, true]", text("b"), false},
                      When{"{ exists = true }", null(), true}, When{"{ exists = true }", text(""), true},
                      When{"{ exists = true }", Json{}, false}, When{"{ exists = false }", Json{}, true},
                      When{"{ exists = false }", null(), false}));

TEST(Condition, ComparesAttributes) {
  const auto holds = [](const std::string& when, const MemoryEvent& event) {
    MemoryRows rows;
    handle(*bind_text(head + "[[on]]\nevent = \"*\"\nkey = { id = \"@event_id\" }\nwhen = { " + when + " }\n"), event,
           rows);
    return !rows.empty();
  };
  MemoryEvent event{"x"};
  EXPECT_TRUE(holds("\"@ts\" = \"2025-02-01T02:00:00+02:00\"", event)) << "the same moment in another spelling";
  EXPECT_FALSE(holds("\"@ts\" = \"2025-02-01 00:00:01\"", event));
  EXPECT_TRUE(holds("\"@type\" = [\"y\", \"x\"], \"@stream_id\" = \"s1\"", event));
  EXPECT_FALSE(holds("\"@type\" = \"x\", \"@stream_id\" = \"s2\"", event)) << "all must hold";
  EXPECT_TRUE(holds("\"@stream_id\" = { exists = true }", event));
  event.event_id = "42";
  EXPECT_TRUE(holds("\"@event_id\" = 42", event));
  event.stream_id = std::nullopt;
  EXPECT_TRUE(holds("\"@stream_id\" = { exists = false }", event));
  EXPECT_THROW(holds("\"@stream_id\" = \"s1\"", event), EventError);
  event.ts = std::nullopt;
  EXPECT_FALSE(holds("\"@ts\" = \"2025-02-01\"", event));
}

}  // namespace
}  // namespace rebuild_projection
