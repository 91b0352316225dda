#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stages/commit/checkpoints.h"

namespace rebuild_projection {

/// The tables of checkpoints and dead letters, without their schema.
const char* name_of_checkpoints(Checkpoints::Of of);
const char* name_of_dead_letters(Checkpoints::Of of);
/// A row for each projection whose table is unlogged, in whole or in part: which run wrote it last. It is unlogged too,
/// so that the server itself empties it whenever it empties such a table. Without its schema.
inline constexpr const char* name_of_witnesses = "rebuild_unlogged";

/// The columns of Checkpoints::Identity, and their values from $2 on; $1 is the projection's name.
inline constexpr std::string_view identity_columns =
    "definition_digest, version, key_columns, table_name, table_oid, target_database, store, store_digest,"
    " source_database";
inline constexpr std::string_view identity_values = "md5($2), $3::integer, $4::text[], $5, $6::bigint, $7, $8, $9, $10";
Session::Parameters parameters_of(const Checkpoints::Identity& identity);

/// A PostgreSQL array's text.
std::string array_of(const std::vector<std::string>& texts);

}  // namespace rebuild_projection
