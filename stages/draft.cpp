#include "stages/draft.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/apply/column_type.h"
#include "stages/apply/rules.h"
#include "stages/commit/target_checks.h"
#include "stages/event_sample.h"
#include "stages/option_bounds.h"
#include "stages/postgres/catalogue_query.h"
#include "stages/preparation.h"
#include "stages/toml_spelling.h"

namespace rebuild_projection {

namespace {

/// "fullName" and "full_name" are one name.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// Whether the value can be written to the column, as far as that can be told without the database.
bool may_hold(const CatalogueColumn& column, const Json& value) {
  const bool is_json = column.base_type == "jsonb" || column.base_type == "json";
  const bool is_time = column.category == 'D' || column.category == 'T';
  switch (value.kind) {
    case Json::Kind::null:
      return !column.not_null;
    case Json::Kind::object:
    case Json::Kind::array:
      return column_type(column) == ColumnType::text || is_json;
    case Json::Kind::missing:
    case Json::Kind::invalid:
    case Json::Kind::uuid:    // a value of a payload is
    case Json::Kind::moment:  // neither
      return false;
    case Json::Kind::string:
      if (is_json) return false;  // it would be read as JSON
      break;
    case Json::Kind::number:
    case Json::Kind::boolean:
      if (is_time) return false;  // an epoch, for example
      break;
  }
  return !constant_problem(column, {value.kind, std::string(value.text)});
}

/// A member's name is a column's where they differ in case and underscores at the most.
bool fits_columns(const CatalogueTable& table, const std::string& name, const Json& value) {
  return std::ranges::all_of(table.columns, [&](const CatalogueColumn& column) {
    return plain(column.name) != plain(name) || may_hold(column, value);
  });
}

/// A plain unique index with a key that can be compared here; the primary key, if it is one.
const CatalogueIndex* find_key(const CatalogueTable& table) {
  for (const CatalogueIndex& index : table.indexes) {
    const bool fits = std::ranges::all_of(index.columns, [&](const std::string& name) {
      const CatalogueColumn* column = table.find(name);
      return column != nullptr && !column->generated && !key_type_problem(*column);
    });
    if (index.unique && !index.partial && index.immediate && index.valid && fits) return &index;
  }
  return nullptr;
}

/// What --check would refuse whatever the file says. Rights are left to it: who drafts need not have them.
void refuse_target(CatalogueTable table, const std::vector<std::uint32_t>& store_relations) {
  table.can_select = table.can_insert = table.can_update = table.can_delete = true;
  table.row_security = false;
  const auto mistakes =
      check_target({.where = "--init: ", .table = &table, .role = {}, .store_relations = store_relations});
  if (!mistakes.empty()) throw UsageError(one_a_line(mistakes));
}

class Draft {
 public:
  Draft(const CatalogueTable& table, std::string written, const CatalogueIndex& key, const EventStore& store,
        const EventSample& sample)
      : table_(table), written_(std::move(written)), key_(key), store_(store), sample_(sample) {
    if (!store_.file().stream_id.empty()) stream_column_ = choose_stream_column();
  }

  std::string text() {
    std::vector<Drafted> rules;
    for (const EventSample::Type& type : sample_.types) rules.push_back(draft(type));
    choose(rules);
    std::string text = head();
    for (const Drafted& rule : rules) {
      text += '\n' + rule.comment + (rule.kept ? rule.text : commented_out(rule.text));
      if (rule.kept) filled_.insert(rule.filled.begin(), rule.filled.end());
    }
    return text + columns_left();
  }

 private:
  /// A rule, and what speaks for it.
  struct Drafted {
    std::string comment, text;
    std::vector<std::string> filled;  ///< columns
    bool named = true;                ///< a rule can name the type
    bool keyed = true;                ///< what was seen gives a key for every event
    bool kept = false;
  };

  /// A rule that fills nothing would still make rows, and one without a key would fail. Where there are only such, they
  /// are better than none: a file needs a rule.
  void choose(std::vector<Drafted>& rules) const {
    const auto keep = [&](bool keyed, bool filling) {
      bool any = false;
      for (Drafted& rule : rules) {
        rule.kept = rule.named && (rule.keyed || !keyed) && (!rule.filled.empty() || !filling);
        any = any || rule.kept;
      }
      return any;
    };
    if (keep(true, true) || keep(true, false) || keep(false, true) || keep(false, false)) return;
    Drafted first = draft({.name = "something.happened"});
    first.comment = "# " + std::string(sample_.events == 0 ? "The store is empty" : "No type can be named") +
                    "; say what will happen.\n";
    first.kept = true;
    rules.push_back(std::move(first));
  }

  [[nodiscard]] Drafted draft(const EventSample::Type& type) const {
    Drafted result;
    result.named = !type.name.empty() && type.name != "*";
    std::string members, key, sets, unkeyed;
    for (const EventSample::Member& member : type.members)
      members += (members.empty() ? "" : ", ") + toml_text(member.name);
    const bool from_members = std::ranges::all_of(key_.columns, [&](const std::string& column) {
      return is_time(column) || key_member(type, column) != nullptr;
    });
    for (const std::string& column : key_.columns) {
      const std::string value = key_value(type, column, from_members);
      if (value.empty()) unkeyed += (unkeyed.empty() ? "" : ", ") + toml_text(column);
      const std::string guess = column == stream_column_ ? "@stream_id" : pointer_to(column);
      key += (key.empty() ? "" : ", ") + toml_key(column) + " = " + toml_text(value.empty() ? guess : value);
    }
    for (const CatalogueColumn& column : table_.columns) {
      const auto* member =
          is_key(column.name) || column.generated || column.identity ? nullptr : member_for(type, column.name);
      if (member == nullptr || !member->fits) continue;
      sets += (sets.empty() ? "" : ", ") + toml_key(column.name) + " = " + toml_text(pointer_to(member->name));
      result.filled.push_back(column.name);
    }
    result.keyed = unkeyed.empty();
    result.comment = "# " + std::to_string(type.events) + (type.events == 1 ? " event; " : " events; ") +
                     (members.empty() ? "no members in the payload" : "in the payload: " + members) + '\n';
    if (!result.named)
      result.comment += "# No rule can name this type: it is empty, or \"*\", which means every type.\n";
    if (!result.keyed) result.comment += "# Not every event tells the key: " + unkeyed + "\n";
    result.text = "[[on]]\nevent = " + toml_text(type.name) + "\nkey   = { " + key + " }\n" +
                  (sets.empty() ? "" : "set   = { " + sets + " }\n");
    return result;
  }

  [[nodiscard]] bool is_key(const std::string& column) const {
    return std::ranges::find(key_.columns, column) != key_.columns.end();
  }
  [[nodiscard]] bool is_time(const std::string& column) const {
    return column_type(*table_.find(column)) == ColumnType::timestamp;
  }

  /// The table's name without what --projection cannot select by.
  [[nodiscard]] std::string projection_name() const {
    std::string name = table_.name == "all" ? "all_" : table_.name;
    for (char& c : name)
      if (static_cast<unsigned char>(c) < 0x80 && std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-') c = '_';
    return name;
  }

  [[nodiscard]] std::string head() const {
    std::string keys;
    for (const std::string& column : key_.columns) keys += (keys.empty() ? "" : ", ") + toml_text(column);
    const char* which = sample_.whole_store ? "all " : sample_.in_order ? "the oldest and the newest " : "any ";
    return "# A start, made from the columns of " + toml_text(table_.schema + "." + table_.name) + " and from " +
           which + std::to_string(sample_.events) + " events of the store " + toml_text(store_.file().name) +
           ".\n# Say what each event does, leave out what the projection does not need, then: rebuild_projection "
           "--check\n" +
           (sample_.more_types ? "# There are more event types than are listed here.\n" : "") +
           "name    = " + toml_text(projection_name()) + "\ntable   = " + toml_text(written_) + "\nkey     = [" + keys +
           "]\nversion = 1\n";
  }

  /// Of the key columns that stream ids fit: the one that no payload has a member for, else the first.
  [[nodiscard]] std::string choose_stream_column() const {
    std::string chosen;
    bool fits_before = false;
    for (const std::string& column : key_.columns) {
      const auto in_any = [&](auto&& holds) { return std::ranges::any_of(sample_.types, holds); };
      if (is_time(column)) continue;
      const bool fits = !in_any([&](const auto& type) { return type.without_stream.contains(column); });
      const bool in_payloads = in_any([&](const auto& type) { return member_for(type, column) != nullptr; });
      if (fits && !in_payloads) return column;
      if (chosen.empty() || (fits && !fits_before)) chosen = column;
      fits_before = fits_before || fits;
    }
    return chosen;
  }

  /// The member whose name is the column's.
  [[nodiscard]] static const EventSample::Member* member_for(const EventSample::Type& type, const std::string& column) {
    for (const bool exact : {true, false})
      for (const EventSample::Member& member : type.members)
        if (exact ? member.name == column : plain(member.name) == plain(column)) return &member;
    return nullptr;
  }
  /// The same, where every event has a value for the key in it.
  [[nodiscard]] static const EventSample::Member* key_member(const EventSample::Type& type, const std::string& column) {
    const EventSample::Member* member = member_for(type, column);
    return member != nullptr && member->fits && member->values >= type.events ? member : nullptr;
  }

  /// Empty where nothing that was seen gives every event one.
  [[nodiscard]] std::string key_value(const EventSample::Type& type, const std::string& column,
                                      bool from_members) const {
    if (is_time(column)) return "@ts";
    const bool stream = column == stream_column_ && !type.without_stream.contains(column);
    if (stream && (!from_members || key_.columns.size() == 1)) return "@stream_id";
    if (const auto* member = key_member(type, column)) return pointer_to(member->name);
    return "";
  }

  /// What a person has to think of.
  [[nodiscard]] std::string columns_left() const {
    std::string text;
    for (const CatalogueColumn& column : table_.columns) {
      if (is_key(column.name) || column.generated || column.identity || filled_.contains(column.name)) continue;
      text += "#   " + toml_key(column.name) + ": " + toml_escaped(column.type);
      if (column.not_null && !column.default_expression)
        text += ", NOT NULL without a default: a rule must fill it, or no row can be made";
      else if (column_type(column) == ColumnType::timestamp && !store_.file().ts.empty())
        text += "; perhaps " + suggestion_for(column);
      text += '\n';
    }
    return text.empty() ? "" : "\n# Columns that nothing above fills:\n" + text;
  }

  [[nodiscard]] static std::string suggestion_for(const CatalogueColumn& column) {
    const std::string name = plain(column.name);
    const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
    const bool defaulted = column.default_expression.has_value();
    const char* operation = defaulted                      ? "set"
                            : has("creat") || has("first") ? "init"
                            : has("updat") || has("last")  ? "max"
                                                           : "set";
    return std::string(operation) + " = { " + toml_key(column.name) + " = \"@ts\" }";
  }

  const CatalogueTable& table_;
  const std::string written_;
  const CatalogueIndex& key_;
  const EventStore& store_;
  const EventSample& sample_;
  std::string stream_column_;  ///< the key column that the stream id goes to; empty: none
  std::set<std::string> filled_;
};

}  // namespace

std::string draft_projection(const Options& options, const std::string& table_name, const std::stop_token& stop) {
  refuse_out_of_bounds(options);
  Session source(source_of(options), "read", Session::Access::read_only, stop);
  Session target(target_of(options), "commit", Session::Access::read_only, stop);

  const EventStore store(find_store(options.store, stop), source);
  const auto table = read_table(target, table_name);
  if (!table)
    throw UsageError("--init: there is no table \"" + table_name + "\" in " + target.where() +
                     "; create it first, or name it as \"schema.table\"");
  refuse_target(*table,
                same_database(options, source, target) ? store.relations(source) : std::vector<std::uint32_t>{});
  const CatalogueIndex* key = find_key(*table);
  if (key == nullptr)
    throw UsageError("--init: no plain unique index of " + table->schema + "." + table->name +
                     " can be a projection's key; create one, a primary key for example, on columns of type integer, "
                     "numeric, uuid, boolean, enum, text or timestamp");
  const auto fits = [&](const std::string& name, const Json& value) { return fits_columns(*table, name, value); };
  const EventSample sample = sample_events(
      store, source, source_of(options), {.events_max = limits::draft_events, .key = key->columns, .fits = fits}, stop);
  return Draft(*table, table_name, *key, store, sample).text();
}

}  // namespace rebuild_projection
