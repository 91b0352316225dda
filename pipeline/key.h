#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/event.h"
#include "pipeline/table.h"

/// Keys of rows: `canonical` is the same for keys that the database holds equal, and short. Canonical keys of one
/// integer, uuid or moment sort as their values do, which is the order of PostgreSQL's index. `spelling` is empty where
/// the canonical form says what is written, and else keeps how the event spelled it (1.00 for 1).
namespace rebuild_projection {

/// Appends a key to both. Throws EventError for a part that is missing, null or not of the column's type; the column is
/// named, the value is not.
void append_key(const TableLayout& table, std::span<const Json> parts, std::string& canonical, std::string& spelling);

/// What is written to a key column.
std::string key_text(const TableLayout& table, std::string_view canonical, std::string_view spelling, std::size_t part);

/// The bytes of the canonical key that are one part of it: a uuid's 16, one of a boolean, which is 0 or 1, a text, and
/// what key_number() reads of an integer or a moment.
std::string_view key_bytes(const TableLayout& table, std::string_view canonical, std::size_t part);
std::int64_t key_number(std::string_view bytes);

}  // namespace rebuild_projection
