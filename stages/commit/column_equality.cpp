#include "stages/commit/column_equality.h"

#include <cstdint>

namespace rebuild_projection {

namespace {

/// How values of a type are told apart. The two halves of this file say the same for each.
enum class Kind : std::uint8_t {
  plain,     ///< two values are equal exactly where their texts are
  text,      ///< bytes, without the collation's opinion
  numeric,   ///< equal whatever the scale
  floating,  ///< equal also where one is a negative zero
  numerics,  ///< an array of numeric
  jsonb,     ///< numbers in it are equal whatever the scale
  printed,   ///< by the text alone
};

/// By the oids of the types that come with PostgreSQL, which are the same in all of its databases.
Kind kind_of(const CatalogueColumn& column) {
  if (column.category == 'E') return Kind::plain;
  switch (column.base_oid) {
    case 16:    // boolean
    case 17:    // bytea
    case 20:    // bigint
    case 21:    // smallint
    case 23:    // integer
    case 26:    // oid
    case 1082:  // date
    case 1083:  // time
    case 1114:  // timestamp
    case 1184:  // timestamptz
    case 2950:  // uuid
      return Kind::plain;
    case 25:    // text
    case 1042:  // character(n), whose text leaves out the blanks that its equality ignores
    case 1043:  // character varying
      return Kind::text;
    case 1700:
      return Kind::numeric;
    case 700:  // real
    case 701:  // double precision
      return Kind::floating;
    case 1231:
      return Kind::numerics;
    case 3802:
      return Kind::jsonb;
    default:
      return Kind::printed;
  }
}

/// A domain's value as one of its base type.
std::string as_base(const CatalogueColumn& column, const std::string& value) {
  return column.is_domain ? "(" + value + ")::" + column.base_type : value;
}

/// Takes the zeros off the ends of fractions. In a jsonb, what stands in quotes is taken as a whole, and kept.
std::string without_zeros(const std::string& text) {
  return "regexp_replace(" + text + R"(, '("(?:[^"\\]|\\.)*")|(\.[0-9]*[1-9])0+(?![0-9])|\.0+(?![0-9])', '\1\2', 'g'))";
}

}  // namespace

std::string same_sql(const CatalogueColumn& column, const std::string& left, const std::string& right) {
  const std::string one = as_base(column, left);
  const std::string other = as_base(column, right);
  switch (kind_of(column)) {
    case Kind::plain:
    case Kind::numeric:
    case Kind::floating:
    case Kind::numerics:
    case Kind::jsonb:
      return "(" + one + " IS NOT DISTINCT FROM " + other + ")";
    case Kind::text:
      return "(" + one + " COLLATE \"C\" IS NOT DISTINCT FROM " + other + " COLLATE \"C\")";
    case Kind::printed:
      break;
  }
  return "(" + one + "::text COLLATE \"C\" IS NOT DISTINCT FROM " + other + "::text COLLATE \"C\")";
}

std::optional<std::string> unlike_sql(const CatalogueColumn& column, const std::string& left,
                                      const std::string& right) {
  constexpr std::uint32_t bpchar = 1042;
  const std::string one = as_base(column, left);
  const std::string other = as_base(column, right);
  switch (kind_of(column)) {
    case Kind::plain:
      return one + " IS DISTINCT FROM " + other;
    case Kind::text:
      if (column.base_oid == bpchar) return std::nullopt;  // one without a length keeps blanks
      return one + " COLLATE \"C\" IS DISTINCT FROM " + other + " COLLATE \"C\"";
    case Kind::numeric:
      return one + " IS DISTINCT FROM " + other + " OR scale(" + one + ") IS DISTINCT FROM scale(" + other + ")";
    case Kind::floating:
    case Kind::numerics:
    case Kind::jsonb:
    case Kind::printed:
      break;
  }
  return std::nullopt;
}

std::string canonical_sql(const CatalogueColumn& column, const std::string& value) {
  const std::string one = as_base(column, value);
  switch (kind_of(column)) {
    case Kind::numeric:
      return "trim_scale(" + one + ")::text";
    case Kind::floating:
      return "(CASE WHEN " + one + " = 0 THEN '0' ELSE " + one + "::text END)";
    case Kind::numerics:
    case Kind::jsonb:
      return without_zeros(one + "::text");
    case Kind::plain:
    case Kind::text:
    case Kind::printed:
      break;
  }
  return one + "::text";
}

}  // namespace rebuild_projection
