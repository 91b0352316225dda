// Without this file a value could arrive as another one by the binary format than by its text, or every value could be
// left to the text without anybody noticing.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/decimal.h"
#include "stages/commit/binary_fields.h"
#include "stages/postgres/copy_in.h"
#include "tests/support/database.h"

namespace rebuild_projection {
namespace {

class BinaryFields : public testing::Test {
 protected:
  BinaryFields() : session(database.dsn(), "commit", Session::Access::read_write) {
    database.execute("CREATE TYPE public.mood AS ENUM ('sad', 'é€😀')");
  }

  /// Of values one column wide; `type` is that of a column.
  void column(const std::string& type) {
    database.execute("DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (v " + type + ")");
    form = binary_form(static_cast<std::uint32_t>(std::stoul(database.value(
                           "SELECT atttypid FROM pg_attribute WHERE attrelid = 'public.t'::regclass AND attnum = 1"))),
                       type == "public.mood");
  }

  /// What the column holds of it, or the SQLSTATE of its refusal; "left" where it is left to the text.
  std::string by_binary(const ValueView& value) {
    database.execute("TRUNCATE public.t");
    CopyIn copy(session, "public.t", CopyIn::Format::binary);
    copy.unsent().append("\0\1", 2);  // one field
    if (!append_binary(copy.unsent(), form, value)) return "left";
    try {
      copy.row_done();
      EXPECT_EQ(copy.finish(), 1U);
    } catch (const SqlError& error) {
      return error.sqlstate;
    }
    return database.value("SELECT v FROM public.t");
  }
  std::string by_binary(std::string_view text) { return by_binary(ValueView(ValueView::Kind::text, text)); }

  /// What the server makes of the text.
  std::string by_text(const std::string& text) {
    database.execute("TRUNCATE public.t");
    try {
      session.execute("INSERT INTO public.t VALUES (" + literal(text) + ")");
    } catch (const SqlError& error) {
      return error.sqlstate;
    }
    return database.value("SELECT v FROM public.t");
  }

  void expect_alike(const std::string& type, const std::vector<std::string>& texts) {
    column(type);
    for (const std::string& text : texts) {
      const std::string written = by_binary(text);
      EXPECT_EQ(written, by_text(text)) << type << ": " << text.substr(0, 60);
    }
  }
  void expect_left(const std::string& type, const std::vector<std::string>& texts) {
    column(type);
    for (const std::string& text : texts) EXPECT_EQ(by_binary(text), "left") << type << ": " << text.substr(0, 60);
  }

  test::Database database;
  Session session;
  BinaryForm form = BinaryForm::none;
};

TEST_F(BinaryFields, TextsAreTheSame) {
  const std::vector<std::string> texts{"",
                                       "abc",
                                       "NULL",
                                       "\\N",
                                       "a\tb\nc\rd",
                                       "é€😀",
                                       "back\\slash \"quoted\" 'single' {,}",
                                       std::string(70'000, 'x'),
                                       "ab     ",
                                       "   ",
                                       "\x01\x7f",
                                       "\xc3",
                                       "a\xff"};
  for (const char* type : {"text", "varchar", "varchar(5)", "char(3)", "char", "public.mood"})
    expect_alike(type, texts);
  expect_alike("public.mood", {"sad", "SAD", "é€😀"});
  for (const char* type : {"json", "jsonb"})
    expect_alike(type, {"1.10", " [1,  {\"b\": \"c\\n\", \"b\": 2}]", "null", "\"é€\"", "{", "", "\"\\u0000\"", "1 2"});
  column("text");
  EXPECT_EQ(by_binary(std::string_view("a\0b", 3)), "22021");
}

TEST_F(BinaryFields, NumericsAreTheSame) {
  std::vector<std::string> texts{"0",         "-0",    "0.00",       "-0.0",      "1",      "-1",
                                 "9999",      "10000", "99995",      "999950",    "0.0001", "0.00001",
                                 "0.000100",  "1.10",  "12345.678",  "007.50",    "-12.5",  "100000000",
                                 "99999.995", "1.005", "20250101.5", "10000.0001"};
  texts.push_back(std::string(500, '9') + "." + std::string(400, '3'));
  for (const char* type : {"numeric", "numeric(8,2)", "numeric(30,10)", "numeric(5)"}) expect_alike(type, texts);
  expect_left("numeric", {"1e3", "NaN", "Infinity", "+5", " 7", "7 ", ".5", "5.", "-", "", ".", "1.2.3", "--1", "1_000",
                          "0x10", std::string(1'001, '1')});
}

TEST_F(BinaryFields, NumbersOfTheEngineAreTheSame) {
  column("numeric");
  const std::string digits = "-12345678901234567890123456789.000100";
  const Decimal wide = *Decimal::parse(digits);
  EXPECT_EQ(by_binary(wide), digits);
  EXPECT_EQ(by_binary({ValueView::Kind::digits, digits}), digits);
  EXPECT_EQ(by_binary(ValueView::number(-9'223'372'036'854'775'807 - 1, 0)), "-9223372036854775808");
  EXPECT_EQ(by_binary(ValueView::number(9'223'372'036'854'775'807, 19)), "0.9223372036854775807");
  EXPECT_EQ(by_binary(ValueView::number(-12'050, 3)), "-12.050");
  EXPECT_EQ(by_binary(ValueView::number(7, 9)), "0.000000007");
  EXPECT_EQ(by_binary(ValueView::number(0, 3)), "0.000");
  EXPECT_EQ(by_binary(ValueView()), "NULL");
  for (const char* type : {"smallint", "integer", "bigint"}) {
    column(type);
    EXPECT_EQ(by_binary(ValueView::number(-32'768, 0)), "-32768");
    EXPECT_EQ(by_binary(ValueView::number(10, 1)), "left");
    EXPECT_EQ(by_binary(wide), "left");
  }
  EXPECT_EQ(by_binary(ValueView::number(9'223'372'036'854'775'807, 0)), "9223372036854775807");
  column("text");
  EXPECT_EQ(by_binary(ValueView::number(-12'050, 3)), "-12.050");
}

TEST_F(BinaryFields, IntegersAndFloatsAreTheSame) {
  expect_alike("smallint", {"0", "-1", "32767", "-32768"});
  expect_alike("integer", {"0", "-1", "2147483647", "-2147483648", "007"});
  expect_alike("bigint", {"0", "-1", "9223372036854775807", "-9223372036854775808"});
  expect_left("smallint", {"32768", "-32769", "1.0", "1e1", "+1", " 1", "", "0x1"});
  expect_left("integer", {"2147483648", "-2147483649"});
  expect_left("bigint", {"9223372036854775808", "-9223372036854775809"});
  const std::vector<std::string> floats{"0",
                                        "-0",
                                        "0.1",
                                        "1e-37",
                                        "16777217",
                                        "16777219",
                                        "3.4e38",
                                        "1e-45",
                                        "1.5e-45",
                                        "123456789.123456789",
                                        "0.30000001192092896",
                                        "5.",
                                        ".5"};
  expect_alike("real", floats);
  expect_alike("double precision", floats);
  expect_alike("double precision",
               {"1.7976931348623157e308", "5e-324", "2.2250738585072011e-308", "9007199254740993", "0.1e-6"});
  for (const char* type : {"real", "double precision"})
    expect_left(type, {"NaN", "Infinity", "-inf", "1e400", "1e-400", "+1", " 1", "1 ", "0x1p3", "", "1e"});
}

TEST_F(BinaryFields, BooleansAndUuidsAreTheSame) {
  expect_alike("boolean", {"true", "false", "t", "f"});
  expect_left("boolean", {"TRUE", "1", "on", " t", ""});
  expect_alike("uuid", {"0123abcd-ef01-2345-6789-0123456789ab", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
                        "{0123abcdef012345-67890123456789ab}"});
  expect_left("uuid", {"0123abcd-ef01-2345-6789-0123456789a", "", "g123abcd-ef01-2345-6789-0123456789ab"});
  column("uuid");
  std::string row("\0\1", 2);
  EXPECT_TRUE(append_binary_uuid(row, form, "0123456789abcdef"));
  EXPECT_EQ(row, std::string("\0\1\0\0\0\x10", 6) + "0123456789abcdef");
  EXPECT_FALSE(append_binary_uuid(row, BinaryForm::text, "0123456789abcdef"));
}

TEST_F(BinaryFields, MomentsAreTheSame) {
  const std::vector<std::string> printed{"2025-02-01 00:00:00+00",   "1999-12-31 23:59:59.9999+00",
                                         "2024-02-29 12:30:00.5+00", "1970-01-01 00:00:00.000001+00",
                                         "0001-01-01 00:00:00+00",   "9999-12-31 23:59:59.999999+00"};
  for (const char* type : {"timestamptz", "timestamp", "timestamptz(0)", "timestamp(3)"}) expect_alike(type, printed);
  expect_alike("timestamptz",
               {"2025-02-01T00:00:00Z", "2025-02-01T00:00:00.123456789+05:30", "2025-02-01", "infinity", "-infinity",
                "0044-03-15 12:00:00+00 BC", "4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00",
                "2024-12-31T23:59:60Z", "2024-12-31 24:00:00-15:59:59"});
  expect_left("timestamp", {"2025-02-01T00:00:00+05:30", "2025-02-01", "infinity", ""});
  expect_left("timestamptz", {"now", "epoch", "yesterday", "2025-02-30", "Jan 5 1999", ""});
  for (const char* type : {"timestamptz", "timestamp"}) {
    column(type);
    for (const char* text : {"2025-02-01 00:00:00+00", "0044-03-15 12:00:00+00 BC", "infinity", "-infinity"})
      EXPECT_EQ(by_binary(*Timestamp::parse(text)), by_text(text));
  }
  expect_alike("date", {"2025-02-01", "1999-12-31", "2000-02-29", "0001-01-01", "9999-12-31", "1970-01-01"});
  expect_left("date", {"2025-02-30", "20250201", "2025-2-1", "infinity", "02/01/2025", "0000-01-01", ""});
}

TEST_F(BinaryFields, OtherTypesAreLeft) {
  expect_left("text[]", {"{}"});
  expect_left("bytea", {"\\x00"});
  expect_left("interval", {"1 day"});
  expect_left("bit(3)", {"101"});
  column("text[]");
  EXPECT_EQ(by_binary(ValueView()), "NULL");
}

}  // namespace
}  // namespace rebuild_projection
