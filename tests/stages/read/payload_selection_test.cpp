// Without this file a member that the server picks out of a payload could differ from what the whole document says:
// null for missing, a number by other digits, an element of an array for a member.
#include "stages/read/payload_selection.h"

#include <gtest/gtest.h>

#include <random>

#include "stages/read/store_reader.h"
#include "tests/stages/parse/parse_payload.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

using Documents = PayloadSelection::Documents;
using test::ExtractingProjector;

/// Documents that the random paths below lead into, and past.
class RandomJson {
 public:
  explicit RandomJson(unsigned seed) : random_(seed) {}

  unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
  std::string key() {
    constexpr std::array<const char*, 9> keys{"a", "b", "0", "-1", "", "a/b", "~", "\\\"q\\\\", "ü\\n"};
    return keys[below(keys.size())];
  }
  std::string value(unsigned depth) {
    constexpr std::array<const char*, 12> scalars{"null",  "true", "1.10",     "29999999999999999999999999999",
                                                  "1E400", "\"\"", "\"null\"", "\"x\\\"\\\\\\u0001\"",
                                                  "-0",    "[]",   "{}",       "\"\\ud83d\\ude00\""};
    const unsigned kind = depth == 0 ? 0 : below(4);
    if (kind < 2) return scalars[below(scalars.size())];
    std::string text = kind == 2 ? "{" : "[";
    for (unsigned count = below(4), i = 0; i < count; ++i)
      text += (i == 0 ? "" : ", ") + (kind == 2 ? "\"" + key() + "\": " : "") + value(depth - 1);
    return text + (kind == 2 ? "}" : "]");
  }
  /// A path, or with `wildcard` a pattern.
  std::string path(bool wildcard) {
    constexpr std::array<const char*, 10> tokens{"a", "b", "0", "-1", "", "a~1b", "~0", "\"q\\", "ü\n", "*"};
    std::string text;
    const unsigned count = 1 + below(3);
    for (unsigned i = 0; i < count; ++i) text += std::string("/") + tokens[below(tokens.size() - 1)];
    if (wildcard) text += "/*";
    return below(12) == 0 && !wildcard ? "" : text;
  }

 private:
  std::minstd_rand random_;
};

class PayloadSelectionTest : public testing::Test {
 protected:
  void create(const std::string& payload_type) {
    database.execute("CREATE TABLE events (id bigint PRIMARY KEY, kind text, body " + payload_type + ")");
  }
  void open() {
    session = std::make_unique<Session>(database.dsn(), "read", Session::Access::read_only);
    store = std::make_unique<EventStore>(
        read_store_text(
            "store.toml",
            "from = \"events\"\norder = [\"id\"]\nevent_id = \"id\"\ntype = \"kind\"\npayload = \"body\"\n"),
        *session);
  }
  /// What the projectors get out of every event, as text; `bytes` is what the server sent.
  std::vector<std::string> values(const std::vector<const Projector*>& projectors, const PayloadSelection& payloads,
                                  std::uint64_t* bytes = nullptr) {
    const auto reader = make_reader(*store, {}, {.server = database.dsn(), .payloads = payloads});
    const auto parser = make_json_parser(projectors, PayloadFormat::jsonb);
    std::vector<std::string> result;
    PageSequence pages(*reader);
    while (const auto page = pages.next(1'000)) {
      const ParsedPage parsed = parser->parse(*page);
      EXPECT_TRUE(parsed.errors.empty());
      for (std::size_t event = 0; event < page->events.size(); ++event) {
        std::string text = page->events[event].event_id.text();
        if (parsed.row[event] != ParsedPage::not_parsed) {
          const std::size_t row = parsed.row[event];
          for (std::size_t p = 0; p < projectors.size(); ++p) {  // of one that does not handle it nothing is promised
            if (!projectors[p]->handles(page->events[event].type)) continue;
            const Extraction& wanted = projectors[p]->extraction();
            for (std::size_t i = 0; i < wanted.paths.size(); ++i)
              text += "|" + test::show(parsed.values[row * parser->values_per_event() + parser->values_offset(p) + i]);
            for (std::size_t i = 0; i < wanted.elements.size(); ++i)
              for (const Element& element :
                   parsed.elements[row * parser->elements_per_event() + parser->elements_offset(p) + i])
                text += "|" + test::show(element);
          }
        }
        result.push_back(text);
      }
    }
    if (bytes != nullptr) *bytes = reader->bytes();
    return result;
  }

  test::Database database;
  std::unique_ptr<Session> session;
  std::unique_ptr<EventStore> store;
};

TEST_F(PayloadSelectionTest, MembersSayWhatTheWholeDocumentSays) {
  create("jsonb");
  RandomJson random(7);
  std::string rows;
  for (int id = 1; id <= 3'000; ++id)
    rows += std::string(id == 1 ? "" : ", ") + "(" + std::to_string(id) + ", '" +
            std::array{"wanted", "too", "other"}[random.below(3)] + "', " +
            (random.below(20) == 0 ? "NULL" : "'" + random.value(3) + "'") + ")";
  database.execute("INSERT INTO events VALUES " + rows);
  open();
  for (int round = 0; round < 40; ++round) {
    Extraction first, second;
    for (unsigned count = random.below(4); count > 0; --count) first.paths.push_back(random.path(false));
    for (unsigned count = random.below(3); count > 0; --count)
      first.elements.push_back({random.path(true), {"", random.path(false)}});
    second.paths.push_back(random.path(false));
    const ExtractingProjector wanted(first), too(second, random.below(3) == 0 ? "*" : "too");
    const std::vector<const Projector*> projectors{&wanted, &too};
    const auto whole = values(projectors, {});
    ASSERT_EQ(whole.size(), 3'000U);
    for (const Documents documents : {Documents::checked, Documents::read, Documents::slim}) {
      const auto selected = values(projectors, {projectors, documents});
      ASSERT_EQ(selected.size(), whole.size());
      for (std::size_t event = 0; event < whole.size(); ++event)
        ASSERT_EQ(selected[event], whole[event]) << "round " << round << ", " << static_cast<int>(documents);
    }
  }
}

TEST_F(PayloadSelectionTest, TheServerSendsWhatIsReadAndNothingElse) {
  create("jsonb");
  database.execute(
      "INSERT INTO events SELECT n, CASE n % 4 WHEN 0 THEN 'wanted' ELSE 'other' END,"
      " jsonb_build_object('a', n, 'b', repeat('x', 1000)) FROM generate_series(1, 4000) n");
  open();
  const ExtractingProjector projector({{"/a"}, {}});
  const std::vector<const Projector*> projectors{&projector};
  std::uint64_t everything = 0, read = 0, slim = 0;
  values(projectors, {}, &everything);
  values(projectors, {projectors, Documents::read}, &read);
  values(projectors, {projectors, Documents::slim}, &slim);
  EXPECT_GT(everything, 4'000'000U);
  EXPECT_LT(read, everything / 4 + 4'000U * 50);  // of every fourth event the document
  EXPECT_LT(slim, 4'000U * 50);
}

TEST_F(PayloadSelectionTest, OtherPayloadsAreSentWhole) {
  create("text");
  open();
  EXPECT_FALSE(store->can_send_members());
  EXPECT_EQ(store->why_no_members(), "the store's payload is not jsonb");
}

}  // namespace
}  // namespace rebuild_projection
