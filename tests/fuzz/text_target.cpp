#include "pipeline/decimal.h"
#include "pipeline/json_pointer.h"
#include "pipeline/timestamp.h"
#include "pipeline/uuid.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/targets.h"
#include "tools/quoted_list.h"
#include "tools/terminal_text.h"

namespace rebuild_projection::test {

namespace {

void fuzz_list(std::string_view text) {
  const auto list = read_quoted_list(text);
  if (!list) return;
  std::string again;
  for (const ListedValue& one : *list) {
    again += again.empty() ? "" : ",";
    for (const std::string* part : {one.name ? &*one.name : nullptr, &one.value}) {
      if (part == nullptr) continue;
      again += '"';
      for (const char c : *part) again += c == '"' ? "\"\"" : std::string(1, c);
      again += part == &one.value ? "\"" : "\"=";
    }
  }
  const auto read = read_quoted_list(again);
  require(read && read->size() == list->size(), "a list that is written is read");
  for (std::size_t i = 0; i < list->size(); ++i)
    require((*read)[i].name == (*list)[i].name && (*read)[i].value == (*list)[i].value, "the same parts");
}

void fuzz_values(std::string_view text) {
  if (const auto moment = Timestamp::parse(text))
    require(Timestamp::parse(moment->to_text()) == moment, "the same moment");
  if (const auto moment = Timestamp::parse_printed(text))
    require(moment->to_text() == text, "the text that was printed");
  if (text.size() < 1'000) {
    if (const auto number = Decimal::parse(text)) {
      const auto again = Decimal::parse(number->to_text());
      require(again && *again == *number && again->scale() == number->scale(), "the same number");
      require(Decimal::parse(number->to_canonical_text()) == number, "the same number by its canonical text");
    }
  }
  Uuid uuid, again;
  if (read_uuid(text, uuid)) {
    char printed[printed_uuid_size];
    print_uuid(uuid.data(), printed);
    require(read_uuid({printed, printed_uuid_size}, again) && again == uuid, "the same uuid");
  }
  if (const auto tokens = pointer_tokens(text)) {
    std::string pointer;
    for (const std::string& token : *tokens) {
      pointer += '/';
      for (const char c : token) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    }
    require(pointer == text, "the pointer");
  }
}

}  // namespace

void fuzz_text(std::string_view bytes) {
  fuzz_list(bytes);
  fuzz_values(bytes);
  for (const std::string& shown : {printable(bytes), json_quoted(bytes)})
    for (const unsigned char c : shown) require(c >= 0x20 && c != 0x7f, "no control characters");
}

}  // namespace rebuild_projection::test
