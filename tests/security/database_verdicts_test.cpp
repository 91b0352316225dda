// Without this file this program and PostgreSQL could differ on what is JSON, and on what stands in it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <pqxx/pqxx>
#include <random>

#include "tests/security/payload_generator.h"
#include "tests/stages/parse/parse_payload.h"
#include "tests/support/database.h"

namespace rebuild_projection::test {
namespace {

using Texts = std::vector<std::string>;

/// What is asked of each payload: JSON Pointers, and the same for PostgreSQL. No token is one that PostgreSQL takes for
/// an index where RFC 6901 does not ("-1", "01").
const std::vector<std::pair<const char*, const char*>> paths{{"", "{}"},
                                                             {"/v", "{v}"},
                                                             {"/a", "{a}"},
                                                             {"/ab", "{ab}"},
                                                             {"/", "{\"\"}"},
                                                             {"/0", "{0}"},
                                                             {"/v/v", "{v,v}"},
                                                             {"/v/a", "{v,a}"},
                                                             {"/a/v", "{a,v}"},
                                                             {"/v/0", "{v,0}"},
                                                             {"/0/v", "{0,v}"},
                                                             {"/1/1", "{1,1}"},
                                                             {"/a~1b", "{a/b}"},
                                                             {"/~0", "{~}"},
                                                             {"/v/v/v", "{v,v,v}"},
                                                             {"/\xC3\xA9", "{\xC3\xA9}"},
                                                             {"/\"", "{\"\\\"\"}"},
                                                             {"/\xF0\x9F\x98\x80", "{\xF0\x9F\x98\x80}"}};

/// A number as its digits without zeros at either end, and the power of ten of the last one: equal for equal numbers.
std::string canonical_number(std::string_view text) {
  const std::size_t end = text.find_first_of("eE");
  long long power = end == std::string_view::npos ? 0 : std::atoll(std::string(text.substr(end + 1)).c_str());
  std::string digits;
  bool point = false;
  for (const char c : text.substr(0, end)) {
    if (c == '.') point = true;
    if (c < '0' || c > '9') continue;
    digits += c;
    if (point) --power;
  }
  for (; !digits.empty() && digits.back() == '0'; ++power) digits.pop_back();
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  return (text.front() == '-' ? "-" : "") + digits + "e" + std::to_string(power);
}

/// A value as jsonb would have it. Objects and arrays are compared by the values in them.
std::string canonical(const Json& json) {
  switch (json.kind) {
    case Json::Kind::missing:
      return "";
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return "boolean " + std::string(json.text);
    case Json::Kind::number:
      return "number " + canonical_number(json.text);
    case Json::Kind::string:
      return "string " + std::string(json.text);
    case Json::Kind::object:
      return "object";
    case Json::Kind::array:
      return "array";
    case Json::Kind::invalid:
      return "invalid";
    case Json::Kind::uuid:
    case Json::Kind::moment:
      break;
  }
  return "?";
}
std::string canonical(const pqxx::field& type, const pqxx::field& text) {
  if (type.is_null()) return "";
  const std::string kind = type.c_str();
  if (kind == "object" || kind == "array" || kind == "null") return kind;
  return kind + " " + (kind == "number" ? canonical_number(text.c_str()) : std::string(text.c_str(), text.size()));
}

/// What the parse stage makes of many payloads at once: the error, or the values.
struct Parsed {
  Parsed(const Extraction& extraction, const Texts& payloads, PayloadFormat format)
      : projector(extraction), parser(make_json_parser({&projector}, format)) {
    std::vector<PageEvent> events;
    events.reserve(payloads.size());
    for (const std::string& payload : payloads) events.push_back({"1", "wanted", payload});
    page = make_page(events);
    parsed = parser->parse(page);
  }
  [[nodiscard]] bool valid(std::size_t number) const { return parsed.errors.empty() || !parsed.errors.at(number); }
  [[nodiscard]] std::string value(std::size_t number, std::size_t path) const {
    return canonical(parsed.values.at(parsed.row.at(number) * parser->values_per_event() + path));
  }
  ExtractingProjector projector;
  std::unique_ptr<PayloadParser> parser;
  Page page;
  ParsedPage parsed;
};

class DatabaseVerdicts : public testing::Test {
 protected:
  DatabaseVerdicts() : link(database.dsn()), statements(link) {
    // The SQLSTATE of a refusal, or "".
    for (const char* type : {"json", "jsonb"})
      statements.exec("CREATE FUNCTION refused_by_" + std::string(type) +
                      "(bytea) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM convert_from($1, ''UTF8'')::" + type +
                      "; RETURN ''''; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END'");
  }

  /// One statement, one row a payload: refused by json, by jsonb, jsonb's text, then type and text of each path.
  pqxx::result ask(const Texts& payloads, const std::vector<std::size_t>& asked) {
    std::string sql = "SELECT json, jsonb, j::text";
    for (const std::size_t path : asked) {
      const std::string at = link.quote(std::string(paths[path].second));
      sql += ", jsonb_typeof(j #> " + at + "), j #>> " + at;
    }
    // What jsonb takes json takes too.
    sql +=
        " FROM (SELECT n, jsonb, CASE WHEN jsonb = '' THEN '' ELSE refused_by_json(p) END AS json,"
        " CASE WHEN jsonb = '' THEN convert_from(p, 'UTF8')::jsonb END AS j FROM"
        " (SELECT n, p, refused_by_jsonb(p) AS jsonb FROM unnest('{";
    constexpr const char* digits = "0123456789abcdef";
    for (const std::string& payload : payloads) {
      sql += sql.back() == '{' ? "\"\\\\x" : ",\"\\\\x";
      for (const unsigned char byte : payload) (sql += digits[byte >> 4U]) += digits[byte & 15U];
      sql += '"';
    }
    return statements.exec(
        sql + "}'::bytea[]) WITH ORDINALITY AS u(p, n) OFFSET 0) AS verdicts OFFSET 0) AS documents ORDER BY n");
  }

  void compare(const Texts& payloads, const std::vector<std::size_t>& asked) {
    const pqxx::result said = ask(payloads, asked);
    ASSERT_EQ(static_cast<std::size_t>(said.size()), payloads.size());
    Extraction extraction;
    for (const std::size_t path : asked) extraction.paths.emplace_back(paths[path].first);
    const Parsed as_text(extraction, payloads, PayloadFormat::text);
    Texts json, jsonb;
    std::vector<std::size_t> in_json(payloads.size()), in_jsonb(payloads.size());
    for (std::size_t number = 0; number < payloads.size(); ++number) {
      const auto row = said[static_cast<pqxx::result::size_type>(number)];
      in_json[number] = json.size();
      in_jsonb[number] = jsonb.size();
      if (row[0].size() == 0) json.push_back(payloads[number]);
      if (row[1].size() == 0) jsonb.emplace_back(row[2].c_str(), row[2].size());
    }
    const Parsed as_json(extraction, json, PayloadFormat::json), as_jsonb(extraction, jsonb, PayloadFormat::jsonb);
    for (std::size_t number = 0; number < payloads.size() && !HasFailure(); ++number) {
      const auto row = said[static_cast<pqxx::result::size_type>(number)];
      const bool is_json = row[0].size() == 0, is_jsonb = row[1].size() == 0;
      SCOPED_TRACE(testing::PrintToString(payloads[number]) + " refused: '" + row[0].c_str() + "' '" + row[1].c_str() +
                   "'");
      EXPECT_EQ(as_text.valid(number), is_json);
      if (is_json) {
        EXPECT_TRUE(as_json.valid(in_json[number]));
      }
      if (is_json && !is_jsonb) {
        // What jsonb alone refuses: \u0000 (22P05), halves of surrogate pairs (22P02), numbers beyond numeric (22003).
        ++refused_by_jsonb_alone[row[1].c_str()];
        continue;
      }
      if (!is_jsonb) continue;
      ++documents;
      for (std::size_t path = 0; path < asked.size(); ++path) {
        const std::string expected =
            canonical(row[static_cast<int>(3 + 2 * path)], row[static_cast<int>(4 + 2 * path)]);
        EXPECT_EQ(as_text.value(number, path), expected) << paths[asked[path]].first;
        EXPECT_EQ(as_json.value(in_json[number], path), expected) << paths[asked[path]].first;
        EXPECT_EQ(as_jsonb.value(in_jsonb[number], path), expected) << paths[asked[path]].first;
        if (!expected.empty()) ++values;
      }
    }
  }

  Database database;
  pqxx::connection link;
  pqxx::nontransaction statements;
  std::map<std::string, std::size_t> refused_by_jsonb_alone;
  std::size_t documents = 0, values = 0;
};

/// REBUILD_PROJECTION_STRESS asks for ten millions, REBUILD_PROJECTION_SEED for others.
TEST_F(DatabaseVerdicts, OnRandomPayloadsAreThoseOfTheParser) {
  const std::size_t wanted = std::getenv("REBUILD_PROJECTION_STRESS") != nullptr ? 10'000'000 : 20'000;
  const char* given = std::getenv("REBUILD_PROJECTION_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  PayloadGenerator generator(seed);
  std::mt19937_64 random(seed);
  constexpr std::size_t batch = 2'000;
  std::size_t done = 0;
  for (; done < wanted && !HasFailure(); done += batch) {
    Texts payloads;
    for (std::size_t number = 0; number < batch; ++number) payloads.push_back(generator.next());
    compare(payloads, {random() % paths.size(), random() % paths.size(), 1});
    if (done % 500'000 == 0) std::printf("%zu payloads, %zu documents, %zu values\n", done + batch, documents, values);
  }
  EXPECT_GT(documents, done / 4);
  EXPECT_GT(values, done / 5);
  for (const auto& [state, times] : refused_by_jsonb_alone) {
    std::printf("refused by jsonb alone, %s: %zu\n", state.c_str(), times);
    EXPECT_TRUE(state == "22P05" || state == "22P02" || state == "22003") << state;
  }
  std::printf("seed %llu: %zu payloads, %zu documents, %zu values\n", static_cast<unsigned long long>(seed), done,
              documents, values);
}

}  // namespace
}  // namespace rebuild_projection::test
