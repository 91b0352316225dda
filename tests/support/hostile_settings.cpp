#include "tests/support/hostile_settings.h"

#include <cstdlib>

namespace rebuild_projection::test {

const std::vector<HostileSetting>& hostile_settings() {
  static const std::vector<HostileSetting> settings{
      // What texts mean, which rows there are, when a session ends, how a statement is planned: one value.
      {"DateStyle", "German, DMY", "ISO, YMD"},
      {"IntervalStyle", "sql_standard", "postgres"},
      {"TimeZone", "Asia/Tokyo", "UTC"},
      {"array_nulls", "off", "on"},
      {"backslash_quote", "off", "safe_encoding"},
      {"bytea_output", "escape", "hex"},
      {"client_connection_check_interval", "0", "1s"},
      {"client_encoding", "LATIN1", "UTF8"},
      {"client_min_messages", "debug5", "error"},
      {"cursor_tuple_fraction", "0.0001", "1"},
      {"debug_parallel_query", "on", "off"},
      {"default_transaction_deferrable", "on", "off"},
      {"default_transaction_isolation", "serializable", "read committed"},
      {"enable_bitmapscan", "off", "on"},
      {"enable_hashagg", "off", "on"},
      {"enable_hashjoin", "off", "on"},
      {"enable_incremental_sort", "off", "on"},
      {"enable_indexonlyscan", "off", "on"},
      {"enable_indexscan", "off", "on"},
      {"enable_material", "off", "on"},
      {"enable_mergejoin", "off", "on"},
      {"enable_nestloop", "off", "on"},
      {"enable_partition_pruning", "off", "on"},
      {"enable_seqscan", "off", "on"},
      {"enable_sort", "off", "on"},
      {"enable_tidscan", "off", "on"},
      {"exit_on_error", "on", "off"},
      {"extra_float_digits", "-15", "1"},
      {"force_parallel_mode", "on", "off"},
      {"gin_fuzzy_search_limit", "1", "0"},
      {"idle_in_transaction_session_timeout", "1s", "0"},
      {"idle_session_timeout", "1s", "0"},
      {"jit", "on", "off"},
      {"lc_monetary", "POSIX", "C"},
      {"lc_numeric", "POSIX", "C"},
      {"lc_time", "POSIX", "C"},
      {"plan_cache_mode", "force_custom_plan", "auto"},
      {"quote_all_identifiers", "on", "off"},
      {"restrict_nonsystem_relation_kind", "view, \"foreign-table\"", ""},
      {"row_security", "on", "off"},
      {"search_path", "public, pg_catalog", "pg_catalog, pg_temp"},
      {"standard_conforming_strings", "off", "on"},
      {"timezone_abbreviations", "India", "Default"},
      {"transaction_timeout", "1s", "0"},
      {"transform_null_equals", "on", "off"},
      {"xmlbinary", "hex", "base64"},
      {"xmloption", "document", "content"},
      // Whatever they are, the rows are the same.
      {"backend_flush_after", "1MB"},
      {"check_function_bodies", "off"},
      {"commit_siblings", "0"},
      {"constraint_exclusion", "off"},
      {"cpu_index_tuple_cost", "1000"},
      {"cpu_operator_cost", "1000"},
      {"cpu_tuple_cost", "1000"},
      {"default_statistics_target", "1"},
      {"default_text_search_config", "pg_catalog.simple"},
      {"default_toast_compression", "pglz"},
      {"effective_cache_size", "1"},
      {"enable_async_append", "off"},
      {"enable_gathermerge", "off"},
      {"enable_group_by_reordering", "off"},
      {"enable_memoize", "off"},
      {"enable_parallel_append", "off"},
      {"enable_parallel_hash", "off"},
      {"enable_partitionwise_aggregate", "on"},
      {"enable_partitionwise_join", "on"},
      {"enable_presorted_aggregate", "off"},
      {"escape_string_warning", "on"},
      {"from_collapse_limit", "1"},
      {"geqo_effort", "1"},
      {"geqo_seed", "0.5"},
      {"geqo_threshold", "2"},
      {"gin_pending_list_limit", "64"},
      {"hash_mem_multiplier", "1"},
      {"jit_above_cost", "0"},
      {"join_collapse_limit", "1"},
      {"maintenance_work_mem", "1MB"},
      {"max_parallel_workers_per_gather", "1"},
      {"min_parallel_index_scan_size", "0"},
      {"min_parallel_table_scan_size", "0"},
      {"parallel_leader_participation", "off"},
      {"parallel_setup_cost", "0"},
      {"parallel_tuple_cost", "0"},
      {"random_page_cost", "100000"},
      {"recursive_worktable_factor", "1000"},
      {"seq_page_cost", "100000"},
      {"stats_fetch_consistency", "none"},
      {"synchronize_seqscans", "off"},
      {"temp_buffers", "100"},
      {"vacuum_cost_delay", "1"},
      {"work_mem", "64kB"},
      // Of a server on another machine, of its log, of nobody here.
      {"application_name", nullptr},
      {"createrole_self_grant", nullptr},
      {"debug_logical_replication_streaming", nullptr},
      {"debug_pretty_print", nullptr},
      {"debug_print_parse", nullptr},
      {"debug_print_plan", nullptr},
      {"debug_print_rewritten", nullptr},
      {"default_table_access_method", nullptr, "heap"},  // a server has no other one by itself
      {"default_tablespace", nullptr},
      {"effective_io_concurrency", nullptr},
      {"geqo", nullptr},
      {"geqo_generations", nullptr},
      {"geqo_pool_size", nullptr},
      {"geqo_selection_bias", nullptr},
      {"icu_validation_level", nullptr},
      {"io_combine_limit", nullptr},
      {"jit_expressions", nullptr},
      {"jit_inline_above_cost", nullptr},
      {"jit_optimize_above_cost", nullptr},
      {"jit_tuple_deforming", nullptr},
      {"local_preload_libraries", nullptr},
      {"log_parameter_max_length_on_error", nullptr},
      {"logical_decoding_work_mem", nullptr},
      {"maintenance_io_concurrency", nullptr},
      {"max_parallel_maintenance_workers", nullptr},
      {"max_parallel_workers", nullptr},
      {"password_encryption", nullptr},
      {"scram_iterations", nullptr},
      {"synchronous_commit", nullptr},
      {"tcp_keepalives_count", nullptr},
      {"tcp_keepalives_idle", nullptr},
      {"tcp_keepalives_interval", nullptr},
      {"tcp_user_timeout", nullptr},
      {"temp_tablespaces", nullptr},
      {"trace_notify", nullptr},
      {"trace_sort", nullptr},
      {"transaction_deferrable", nullptr},
      {"transaction_isolation", nullptr},
      {"transaction_read_only", nullptr},
      {"vacuum_buffer_usage_limit", nullptr},
      {"vacuum_cost_limit", nullptr},
      {"vacuum_cost_page_dirty", nullptr},
      {"vacuum_cost_page_hit", nullptr},
      {"vacuum_cost_page_miss", nullptr},
      {"vacuum_failsafe_age", nullptr},
      {"vacuum_freeze_min_age", nullptr},
      {"vacuum_freeze_table_age", nullptr},
      {"vacuum_multixact_failsafe_age", nullptr},
      {"vacuum_multixact_freeze_min_age", nullptr},
      {"vacuum_multixact_freeze_table_age", nullptr},
      {"wal_sender_timeout", nullptr},
      {"wal_skip_threshold", nullptr},
  };
  return settings;
}

std::string hostile_settings_of(const std::string& database, const ServerSettings& known) {
  std::string sql;
  for (const HostileSetting& setting : hostile_settings()) {
    const std::string name = setting.name;
    if (setting.value == nullptr || known.count(name) == 0) continue;
    const bool list = name == "search_path" || name == "DateStyle" || name == "restrict_nonsystem_relation_kind";
    const std::string value = list ? setting.value : "'" + std::string(setting.value) + "'";
    sql += "ALTER DATABASE " + database + " SET " + name + " = " + value + ";";
  }
  return sql;
}

bool settings_are_hostile() {
  return std::getenv("REBUILD_PROJECTION_HOSTILE_SETTINGS") != nullptr;
}

std::string usual_settings(const ServerSettings& known) {
  std::string options;
  if (!settings_are_hostile()) return options;
  for (const HostileSetting& setting : hostile_settings()) {
    if (!setting.pinned_to || known.count(setting.name) == 0) continue;
    const bool names = std::string(setting.name) == "search_path";  // tables of the tests have no schema
    options += " -c " + std::string(setting.name) + "=";
    for (const char character : std::string(names ? "\"$user\", public" : *setting.pinned_to))
      options += character == ' ' ? std::string("\\\\ ") : std::string(1, character);
  }
  return " options='" + options + "'";
}

}  // namespace rebuild_projection::test
