#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace rebuild_projection::test {

/// A way to rebuild or compare a table that may be refused for a shape.
enum class Refusable : unsigned { nothing = 0, in_place = 1, shadow = 2, verify = 4, all = 7 };
constexpr Refusable operator|(Refusable left, Refusable right) {
  return static_cast<Refusable>(static_cast<unsigned>(left) | static_cast<unsigned>(right));
}
constexpr bool operator&(Refusable left, Refusable right) {
  return (static_cast<unsigned>(left) & static_cast<unsigned>(right)) != 0;
}

/// A shape of the table t that the story's events are rebuilt into, with what stands around it. Texts of SQL and TOML
/// hold names in braces: "{id}" is the shape's name for that column of the story, in quotes, and "{t}" that of the
/// table; "{columns}" is the columns' definitions; "{role}" is a role of the shape's own.
struct TargetShape {
  std::string name;  ///< of the test: letters, digits and underscores
  /// Makes the table. Then it is filled.
  std::string table = "CREATE TABLE {t} ({columns}, PRIMARY KEY ({id}))";
  /// Makes what stands around the filled table, with rows of others.
  std::string around = {};
  /// What differs from the story's definitions of columns, and their names.
  std::map<std::string, std::string> types = {}, names = {};
  /// Instead of the story's columns: how t is filled from a table "want" of the story's rows, and how t and "want" are
  /// read to be compared.
  std::string fill = {}, live = {}, want = {};
  /// Reads id and what no rule writes, which stays as it was in rows that stay.
  std::string kept = {};
  /// More of the projection's file.
  std::string rules = {};
  /// A table that is rebuilt together with t: SQL that makes and fills it, its projection file after the table's name,
  /// and how it and "want" are read to be compared.
  struct Beside {
    std::string table, make, fill, file, live, want;
  };
  std::vector<Beside> beside = {};
  std::string target = "t";  ///< the table's name
  /// A key column beside id, "" for none, which gets the same value.
  std::string twin = {};
  /// Who runs the program, if it is not the owner of everything: grants for "{role}".
  std::string grants = {};
  /// For which ways a refusal is right, too. For the others it is a failure, as rows would be that are not as the
  /// events say.
  Refusable may_refuse = Refusable::nothing;

  /// A text of SQL or TOML with the names put in.
  [[nodiscard]] std::string sql(const std::string& text) const;
  [[nodiscard]] std::string toml(const std::string& text) const;
  [[nodiscard]] std::string column(const std::string& of_story) const;
};

/// Every `from` in the text made a `to`.
std::string replaced(std::string text, const std::string& from, const std::string& to);

void PrintTo(const TargetShape& shape, std::ostream* out);

/// Every shape there is. A new one is a line in one of the files of this folder.
std::vector<TargetShape> target_shapes();

// Parts of it, a file each.
std::vector<TargetShape> tree_shapes();         ///< partitions, children, persistence
std::vector<TargetShape> index_shapes();        ///< unique indexes, exclusion
std::vector<TargetShape> foreign_key_shapes();  ///< in, out and to itself
std::vector<TargetShape> surrounding_shapes();  ///< triggers, rules, policies, views, publications, grants
std::vector<TargetShape> column_shapes();       ///< types, defaults, order, width
std::vector<TargetShape> name_shapes();         ///< of columns and tables

}  // namespace rebuild_projection::test
