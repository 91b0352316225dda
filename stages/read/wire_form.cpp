#include "stages/read/wire_form.h"

#include <array>

namespace rebuild_projection {

namespace {

constexpr std::array<std::string_view, 4> sent_as_text{"text", "character varying", "name", "json"};

}  // namespace

StoredValue::Form wire_form(std::string_view sql_type) {
  using Form = StoredValue::Form;
  if (sql_type == "uuid") return Form::uuid;
  if (sql_type == "timestamp with time zone") return Form::timestamptz;
  if (sql_type == "timestamp without time zone") return Form::timestamp;
  if (sql_type == "smallint") return Form::int2;
  if (sql_type == "integer") return Form::int4;
  if (sql_type == "bigint") return Form::int8;
  if (sql_type == "jsonb") return Form::jsonb;
  return Form::text;
}

std::string wire_column(std::string_view sql_type, const std::string& column) {
  return wire_form(sql_type) == StoredValue::Form::text ? text_column(sql_type, column) : column;
}

std::string text_column(std::string_view sql_type, const std::string& column) {
  for (const std::string_view type : sent_as_text)
    if (sql_type == type) return column;
  if (sql_type == "bpchar") return column + "::text";
  // concat() uses the type's output function, where a cast to text may print something else: booleans. IS NOT NULL
  // would ask for the fields of a row: https://www.postgresql.org/docs/current/functions-comparison.html
  return "CASE num_nulls(" + column + ") WHEN 0 THEN concat(" + column + ") END";
}

}  // namespace rebuild_projection
