#include "stages/postgres/quoting.h"

#include <utility>

namespace rebuild_projection {

std::string quote_name(std::string_view identifier) {
  std::string result = "\"";
  for (char character : identifier) {
    if (character == '"') result += '"';
    result += character;
  }
  return result += '"';
}

std::string quote_name(std::string_view schema, std::string_view name) {
  return quote_name(schema) + "." + quote_name(name);
}

std::string literal(std::string_view text) {
  std::string result = "'";
  for (char character : text) {
    if (character == '\'') result += '\'';
    result += character;
  }
  return result += '\'';
}

void ArrayText::add(std::string_view element) {
  text_ += text_.size() > 1 ? ",\"" : "\"";
  std::size_t begin = 0;
  for (std::size_t at = 0; at < element.size(); ++at) {
    if (element[at] != '"' && element[at] != '\\') continue;
    text_ += element.substr(begin, at - begin);
    text_ += '\\';
    begin = at;
  }
  text_ += element.substr(begin);
  text_ += '"';
}

void ArrayText::add_null() {
  text_ += text_.size() > 1 ? ",NULL" : "NULL";
}

std::string ArrayText::take() {
  std::string result = std::move(text_) + "}";
  text_ = "{";
  return result;
}

}  // namespace rebuild_projection
