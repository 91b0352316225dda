#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rebuild_projection {

/// Bytes of a name that PostgreSQL keeps: it cuts a longer one, which then means something else.
inline constexpr std::size_t name_bytes_max = 63;

/// A name, quoted for use in SQL. The one place where identifiers are quoted.
std::string quote_name(std::string_view identifier);
/// "schema"."name"
std::string quote_name(std::string_view schema, std::string_view name);
/// A text literal.
std::string literal(std::string_view text);
/// A one-dimensional array in PostgreSQL's text form; nullopt is a NULL element.
class ArrayText {
 public:
  void add(std::string_view element);
  void add_null();
  /// The array so far; leaves this empty.
  std::string take();

 private:
  std::string text_ = "{";
};

}  // namespace rebuild_projection
