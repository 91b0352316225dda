#include "pipeline/column_error.h"

namespace rebuild_projection {
namespace {

std::string_view described(Json::Kind kind) {
  switch (kind) {
    case Json::Kind::missing:
      return "nothing";
    case Json::Kind::null:
      return "null";
    case Json::Kind::boolean:
      return "a boolean";
    case Json::Kind::number:
      return "a number";
    case Json::Kind::string:
      return "a string";
    case Json::Kind::object:
      return "an object";
    case Json::Kind::array:
      return "an array";
    case Json::Kind::uuid:
      return "a uuid";
    case Json::Kind::moment:
      return "a timestamp";
    case Json::Kind::invalid:
      break;
  }
  return "something unreadable";
}

}  // namespace

std::string quoted(const Column& column) {
  return '"' + column.name + '"';
}

EventError wrong_value(const Column& column, std::string_view needed, const Json& value) {
  std::string text = "column " + quoted(column) + " needs ";
  text += needed;
  text += ", the payload has ";
  text += described(value.kind);
  return EventError(text);
}

EventError unreadable_value(const Column& column, const Json& value) {
  return EventError("the value for column " + quoted(column) + " cannot be read: " + std::string(value.text));
}

}  // namespace rebuild_projection
