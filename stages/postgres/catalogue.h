#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// What a row may have of columns, in a result, a statement's source or between the steps of a plan
/// (MaxTupleAttributeNumber). A table may have fewer.
inline constexpr std::size_t row_columns_max = 1664;

/// What PostgreSQL's catalogue says about a projection's table. A plain value: read once, before anything is written
/// (read_table in stages/postgres/catalogue_query.h), and then checked without a connection.
struct CatalogueColumn {
  std::string name;
  std::string type;       ///< as a person reads it: "numeric(10,2)", "character varying(20)", "my_enum"
  std::string base_type;  ///< what to cast a text to: the base type of a domain, without length or precision, qualified
  std::string sized_type;  ///< the base type with length or precision, as SQL: what a value is brought to
  std::uint32_t base_oid = 0;
  char category = 'X';  ///< pg_type.typcategory of the base type: 'N' number, 'S' string, 'D' date/time, 'B' boolean;
                        ///< but 'A' of every array, 'E' of every enum, and of no other type
  std::int32_t type_modifier = -1;  ///< of the base type; -1: none
  bool is_domain = false;
  bool not_null = false;
  bool generated = false;  ///< GENERATED ALWAYS AS (…) STORED
  bool identity = false;   ///< GENERATED … AS IDENTITY
  bool identity_always = false;
  bool deterministic_collation = true;
  std::optional<std::string> default_expression;  ///< SQL, of the column or else of its domain
  bool constant_default = false;  ///< which is a constant, or immutable functions and operators over some
  std::uint64_t number = 0;       ///< attnum: a column that is dropped and made anew gets another
};

struct CatalogueIndex {
  std::string name;
  std::vector<std::string> columns;  ///< key columns, in index order; "" for an expression, or for a column of which
                                     ///< the index takes different values for equal ones
  bool unique = false;
  bool partial = false;
  bool immediate = true;  ///< not deferrable
  bool valid = true;

  /// Of exactly these columns, in any order.
  [[nodiscard]] bool is_of(const std::set<std::string>& names) const {
    return std::set<std::string>(columns.begin(), columns.end()) == names;
  }
  /// Keeps a value from coming twice, everywhere and at once, if it is unique.
  [[nodiscard]] bool is_plain() const { return !partial && immediate && valid; }
};

struct CatalogueTrigger {
  std::string name;
  std::string table;        ///< that it stands on, as SQL names it
  bool is_of_part = false;  ///< and not of the table itself
};

/// A table, and the tree of tables below it: its partitions at any depth, or the tables that inherit from it. These are
/// its parts; they are named as SQL names them, "schema.part".
struct CatalogueTable {
  std::uint32_t oid = 0;
  std::string schema;
  std::string name;
  char kind = 'r';  ///< pg_class.relkind: 'r' table, 'p' partitioned, 'v' view, 'm' materialized view, 'f' foreign
  std::vector<std::uint32_t> tree;  ///< oids of the table and its parts, itself first
  std::string fingerprint;          ///< fingerprint_sql(), from before everything else here was read
  std::vector<CatalogueColumn> columns;
  std::vector<CatalogueIndex> indexes;               ///< its own, the primary key first
  std::vector<CatalogueTrigger> triggers;            ///< user triggers that fire when this session writes to the table
  std::vector<std::string> rules;                    ///< that are enabled
  std::vector<std::string> incoming_foreign_keys;    ///< "constraint of table schema.name", to any part
  std::vector<std::uint32_t> outgoing_foreign_keys;  ///< oids of the tables referred to, by any part
  std::vector<std::string> unlogged;                 ///< it and its parts, those that a crash of the server empties
  std::vector<std::string> foreign_parts;            ///< which lie on other servers
  std::vector<std::string> without_identity;  ///< it and its parts that are in a publication without a replica identity
  bool deferrable_constraints = false;        ///< of any part
  bool row_security = false;                  ///< would filter rows for this role
  bool has_children = false;                  ///< by plain inheritance
  bool can_select = false, can_insert = false, can_update = false, can_delete = false, can_truncate = false;
  std::string owner;

  [[nodiscard]] const CatalogueColumn* find(std::string_view column) const;
};

}  // namespace rebuild_projection
