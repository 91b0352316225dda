// Without this file a text of a payload that means something to COPY, to an array or to a row could arrive as another
// one.
#include <gtest/gtest.h>

#include "tests/support/in_process.h"
#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

const std::vector<std::string> texts{"",
                                     " ",
                                     "NULL",
                                     "null",
                                     "\\N",
                                     "\\.",
                                     "\\.\n",
                                     "a\\.\nb",
                                     "\t",
                                     "a\tb",
                                     "\n",
                                     "\r\n",
                                     "\b\f\v",
                                     "\\",
                                     "\\\\",
                                     "\\x41",
                                     "\\t",
                                     "\"",
                                     "\"\"",
                                     "''",
                                     "{}",
                                     "{a,b}",
                                     "{\"a\",NULL}",
                                     "}{",
                                     "(a,b)",
                                     "(,)",
                                     ",",
                                     ";",
                                     "[1,2)",
                                     "$1",
                                     "%s",
                                     "E'\\n'",
                                     "U&\"\\0041\"",
                                     "--",
                                     "/*",
                                     "\x01\x02\x1f\x7f",
                                     "\xC3\xBC",
                                     "\xF0\x9F\x98\x80",
                                     "\xEF\xBB\xBF",
                                     "\xE2\x80\xA8",
                                     " padded ",
                                     std::string(70000, '\\'),
                                     "\xEF\xBF\xBF",
                                     "PGCOPY\n\xC3\xBF\r\n"};

TEST(HostilePayloads, ComeThroughEveryWayOfWriting) {
  Recruiting store;
  store.database.execute(
      "CREATE TABLE told (id text PRIMARY KEY, v text, first text, list text[], doc jsonb, c varchar, n bigint);"
      "CREATE TABLE texts (number bigint PRIMARY KEY, told text)");
  for (std::size_t number = 0; number < texts.size(); ++number) {
    nlohmann::json payload{{"v", texts[number]}};
    // Twice, so that rows are inserted and updated.
    store.database.append(number + 1, number, "told", texts[number], payload.dump());
    store.database.append(number + 1001, number + 1000, "told", texts[number], payload.dump());
    std::string hex;
    for (const unsigned char byte : texts[number]) {
      constexpr const char* digits = "0123456789abcdef";
      (hex += digits[byte >> 4U]) += digits[byte & 15U];
    }
    store.database.execute("INSERT INTO texts VALUES (" + std::to_string(number) + ", convert_from('\\x" + hex +
                           "', 'UTF8'))");
  }
  store.projections.write(
      "told.toml",
      "name = \"told\"\ntable = \"told\"\nkey = [\"id\"]\n[[on]]\nevent = \"told\"\n"
      "key = { id = \"@stream_id\" }\nset = { v = \"/v\", doc = \"@payload\", c = \"@stream_id\" }\n"
      "init = { first = \"/v\" }\nappend = { list = \"/v\" }\nadd = { n = 1 }\n");
  const auto expect_texts = [&](const std::vector<std::string>& how) {
    const Outcome run = store.apply("told", how);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(store.database.value(
                  "SELECT count(*) FROM told JOIN texts ON id = told AND v = told AND first = told AND c = told AND"
                  " list = ARRAY[told, told] AND doc = jsonb_build_object('v', told) AND n = 2"),
              std::to_string(texts.size()))
        << how[0] << " " << how[1];
    const Outcome verified = store.run({"--projection", "told", "--mode", "VERIFY"});
    EXPECT_EQ(verified.exit_code, 0) << verified.out;
  };
  for (const char* batch : {"1", "7", "1000"})
    for (const char* payload : {"whole", "slim"}) expect_texts({"--batch-size", batch, "--payload", payload});
  expect_texts({"--strategy", "shadow"});
  store.database.execute("UPDATE told SET v = v || 'x', list = NULL WHERE n = 2; DELETE FROM told WHERE id LIKE '%a%'");
  expect_texts({"--strategy", "shadow"});
  expect_texts({"--scope", "touched", "--from-ts", "2025-01-01T00:00:00Z"});
  // As the key of one row, on the command line.
  for (const std::string& text : texts) {
    if (text.size() != 4) continue;
    std::string key = "\"";
    for (const char c : text) key += c == '"' ? "\"\"" : std::string(1, c);
    const Outcome explained = store.run({"--projection", "told", "--explain-row", key + "\""});
    EXPECT_EQ(explained.exit_code, 0) << text << explained.err;
  }
}

}  // namespace
}  // namespace rebuild_projection::test
