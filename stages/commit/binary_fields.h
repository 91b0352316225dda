#pragma once

#include <cstdint>
#include <string>

#include "pipeline/value.h"

/// Fields of rows in COPY's binary format, which are what a type's receive function reads. Only what is certain to
/// become the same value as its text: everything else is left to the type's input function. Length and precision of the
/// column, and a domain's checks, are the server's in either format.
namespace rebuild_projection {

/// What a type's receive function reads.
enum class BinaryForm : std::uint8_t {
  none,  ///< not known here
  text,  ///< also varchar, char(n), json, enums
  jsonb,
  uuid,
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  date,
  timestamp,  ///< a text's zone means nothing to it
  timestamptz,
};
/// Of a type that is no domain.
BinaryForm binary_form(std::uint32_t type_oid, bool is_enum);

/// Append one field to a row. False where it is left to the text, with or without some bytes at the end of the row.
bool append_binary(std::string& row, BinaryForm form, const ValueView& value);
bool append_binary_uuid(std::string& row, BinaryForm form, std::string_view bytes);
bool append_binary_boolean(std::string& row, BinaryForm form, bool value);

}  // namespace rebuild_projection
