#include "stages/postgres/settings.h"

#include <algorithm>
#include <array>
#include <string>

namespace rebuild_projection {

namespace {

constexpr auto readers = PinnedSetting::Of::readers, writers = PinnedSetting::Of::writers;
constexpr bool privileged = true;

/// A role's statement_timeout and lock_timeout are left: they are its owner's limits, and a run that meets one says so.
/// So are all costs and amounts of memory, which describe the machine; the tablespaces; what goes to the server's log;
/// and what only code of the database's own looks at (default_text_search_config, settings of extensions).
constexpr std::array settings{
    // Names.
    PinnedSetting{"search_path", "'pg_catalog, pg_temp'", "objects planted in other schemas would run"},

    // When a session ends.
    PinnedSetting{"idle_session_timeout", "'0'", "a session that waits for the others would be ended"},
    PinnedSetting{"idle_in_transaction_session_timeout", "'0'",
                  "a reader that waits for the batches before its own would be ended"},
    PinnedSetting{"transaction_timeout", "'0'", "the transaction of a large batch would be ended"},
    PinnedSetting{"exit_on_error", "'off'", "an event that the database refuses would end the session"},
    PinnedSetting{"client_connection_check_interval",
                  "CASE WHEN version() LIKE '%linux%' THEN '1s' ELSE '0' END",  // others may refuse it
                  "a statement of a program that was killed would go on, and keep its locks"},

    // How SQL and values are read.
    PinnedSetting{"client_encoding", "'UTF8'", "texts would arrive in another encoding", writers},
    // Such a database would refuse to send bytes that are no UTF-8: an event that holds some is to be found by whoever
    // reads it.
    PinnedSetting{"client_encoding",
                  "CASE current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END",
                  "texts would arrive in another encoding, or not at all", readers},
    PinnedSetting{"standard_conforming_strings", "'on'", "backslashes in literals would be escapes"},
    PinnedSetting{"backslash_quote", "'safe_encoding'", "literals of a store's query could not be read"},
    PinnedSetting{"array_nulls", "'on'", "NULL in an array would be the text NULL"},
    PinnedSetting{"transform_null_equals", "'off'", "= NULL would be true of NULL"},
    PinnedSetting{"timezone_abbreviations", "'Default'", "times with an abbreviated zone would be others"},
    PinnedSetting{"xmloption", "'content'", "fragments of XML would be refused"},

    // How values are written, and some of them read.
    PinnedSetting{"DateStyle", "'ISO, YMD'", "dates would be read and written in another order"},
    PinnedSetting{"IntervalStyle", "'postgres'", "intervals would be read and written otherwise"},
    PinnedSetting{"TimeZone", "'UTC'", "times without a zone would be others"},
    PinnedSetting{"lc_monetary", "'C'", "amounts of money would be read and written otherwise"},
    PinnedSetting{"lc_numeric", "'C'", "to_char and to_number in a store's query would give others"},
    PinnedSetting{"lc_time", "'C'", "to_char in a store's query would give other names of days and months"},
    PinnedSetting{"bytea_output", "'hex'", "bytea would be written otherwise"},
    PinnedSetting{"xmlbinary", "'base64'", "bytea in XML would be written otherwise"},
    PinnedSetting{"extra_float_digits", "'1'", "digits of floating-point numbers would be lost"},
    PinnedSetting{"quote_all_identifiers", "'off'", "names of types and columns would be written in quotes"},
    PinnedSetting{"client_min_messages", "'error'", "notices would stand between the lines of the log"},

    // Which rows there are.
    PinnedSetting{"row_security", "'off'", "rows hidden by row-level security would be missing, and no error"},
    PinnedSetting{"gin_fuzzy_search_limit", "'0'", "a search in an index would give some of the rows"},
    PinnedSetting{"restrict_nonsystem_relation_kind", "''", "a store that is a view could not be read"},
    PinnedSetting{"default_transaction_isolation", "'read committed'", "batches would fail beside other writers"},
    PinnedSetting{"default_transaction_deferrable", "'off'", "a transaction could wait before it begins"},
    // Of a writer it stays: a role that may only read by its settings is refused (target_session).
    PinnedSetting{"default_transaction_read_only", "'on'", "a session that reads could write", readers},
    // 'local' is the least that waits: a run's last COMMIT does, and with it all earlier ones.
    PinnedSetting{"synchronous_commit",
                  "(SELECT CASE s.reset_val WHEN 'off' THEN 'local' ELSE s.reset_val END FROM pg_settings AS s"
                  " WHERE s.name = 'synchronous_commit')",
                  "a crash of the server could take what was reported as done", writers},
    PinnedSetting{"default_table_access_method", "'heap'", "shadows could be of a kind that takes no UPDATE"},
    PinnedSetting{"session_replication_role", "'origin'", "foreign keys and triggers would not be minded",
                  PinnedSetting::Of::every_session, privileged},
    PinnedSetting{"zero_damaged_pages", "'off'", "rows of damaged pages would be missing, and no error",
                  PinnedSetting::Of::every_session, privileged},
    PinnedSetting{"ignore_checksum_failure", "'off'", "damaged pages would be taken for good ones",
                  PinnedSetting::Of::every_session, privileged},

    // How statements are planned: those here are planned as they were measured.
    PinnedSetting{"jit", "'off'", "short statements would be compiled first"},
    PinnedSetting{"cursor_tuple_fraction", "'1'", "cursors would be planned for their first rows"},
    PinnedSetting{"plan_cache_mode", "'auto'", "a statement would be planned anew for each batch"},
    PinnedSetting{"force_parallel_mode", "'off'", "parallel workers would be started for nothing"},  // before 16
    PinnedSetting{"debug_parallel_query", "'off'", "parallel workers would be started for nothing"},
    PinnedSetting{"enable_bitmapscan", "'on'", "indexes would not be used"},
    PinnedSetting{"enable_hashagg", "'on'", "aggregates would be sorted"},
    PinnedSetting{"enable_hashjoin", "'on'", "joins of whole tables would take for ever"},
    PinnedSetting{"enable_indexonlyscan", "'on'", "indexes would not be used"},
    PinnedSetting{"enable_indexscan", "'on'", "the store would be sorted, in one snapshot"},
    PinnedSetting{"enable_material", "'on'", "the inner side of a join would be read again and again"},
    PinnedSetting{"enable_mergejoin", "'on'", "joins of whole tables would take for ever"},
    PinnedSetting{"enable_nestloop", "'on'", "a batch would read whole tables"},
    PinnedSetting{"enable_partition_pruning", "'on'", "every partition would be read for every row"},
    PinnedSetting{"enable_seqscan", "'on'", "whole tables would be read by an index"},
    PinnedSetting{"enable_sort", "'on'", "a store without an index would be read in no useful way"},
    PinnedSetting{"enable_incremental_sort", "'on'", "a store whose index serves a part of the order would be sorted"},
    PinnedSetting{"enable_tidscan", "'on'", "publishing would read whole tables for each row"},
};

bool is_for(const PinnedSetting& setting, Session::Access access) {
  return setting.of == PinnedSetting::Of::every_session ||
         (setting.of == readers) == (access == Session::Access::read_only);
}

std::string row_of(std::string_view name, std::string_view value, bool is_privileged = false) {
  return "(" + literal(name) + ", " + std::string(value) + (is_privileged ? ", true)" : ", false)");
}

/// A setting that the server does not know is NULL.
std::string set_all(const std::string& rows) {
  return "SELECT set_config(p.name, p.value, false) FROM (VALUES " + rows +
         ") AS p(name, value, privileged) WHERE current_setting(p.name, true) <> p.value"
         " AND (NOT p.privileged OR has_parameter_privilege(p.name, 'SET'))";
}

}  // namespace

std::span<const PinnedSetting> pinned_settings() {
  return settings;
}

std::string pin_settings(std::string_view called, Session::Access access) {
  std::string rows = row_of("application_name", literal("rebuild_projection/" + std::string(called)));
  for (const PinnedSetting& setting : settings)
    if (is_for(setting, access)) rows += ", " + row_of(setting.name, setting.value, setting.privileged);
  // The search path first: it says what the operators and functions of the rest are. And the rest is not worth
  // compiling.
  return std::string(any_isolation) + "SET search_path = pg_catalog, pg_temp; SET jit = off; " + set_all(rows);
}

std::string pin_again(std::initializer_list<std::string_view> names) {
  std::string rows;
  for (const std::string_view name : names) {
    const auto found = std::ranges::find(settings, name, &PinnedSetting::name);
    rows += (rows.empty() ? "" : ", ") + row_of(name, found->value);
  }
  return set_all(rows);
}

std::string not_pinned() {
  std::string rows;
  for (const PinnedSetting& setting : settings)
    if (setting.privileged)
      rows += (rows.empty() ? "(" : ", (") + literal(setting.name) + ", " + std::string(setting.value) + ", " +
              literal(setting.why) + ")";
  return "(SELECT string_agg(p.name || ' is ' || current_setting(p.name) || ', so ' || p.why, ', and ') FROM (VALUES " +
         rows + ") AS p(name, value, why) WHERE current_setting(p.name) <> p.value)";
}

}  // namespace rebuild_projection
