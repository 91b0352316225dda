#include "stages/draft.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "pipeline/error.h"
#include "pipeline/limits.h"
#include "stages/apply/column_type.h"
#include "stages/event_sample.h"
#include "stages/postgres/catalogue_query.h"
#include "stages/preparation.h"

namespace rebuild_projection {

namespace {

/// A text in TOML's quotes, on one line whatever it holds.
std::string toml_text(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      result += std::string("\\") + c;
    else if (byte < 0x20 || byte == 0x7f)
      result += std::string("\\u00") + digits[byte >> 4] + digits[byte & 15];
    else
      result += c;
  }
  return result + '"';
}

std::string toml_key(const std::string& name) {
  const bool bare = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '-');
  });
  return bare ? name : toml_text(name);
}

std::string pointer_to(std::string_view member) {
  std::string pointer = "/";
  for (const char c : member) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return pointer;
}

/// A type's name may hold anything too.
std::string on_one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

/// "fullName" and "full_name" are one name.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (c != '_' && c != '-' && c != ' ') result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool may_hold(const CatalogueColumn& column, Json::Kind kind) {
  const bool composite = kind == Json::Kind::object || kind == Json::Kind::array;
  if (!composite) return true;
  const ColumnType type = column_type(column);
  return type == ColumnType::text || (type == ColumnType::other && column.category == 'U');  // json, jsonb
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

std::string commented_out(const std::string& lines) {
  std::string result = "# ";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    result += lines[i];
    if (lines[i] == '\n' && i + 1 < lines.size()) result += "# ";
  }
  return result;
}

class Draft {
 public:
  Draft(const CatalogueTable& table, std::string written, const CatalogueIndex& key, const EventStore& store,
        const EventSample& sample)
      : table_(table), written_(std::move(written)), key_(key), store_(store), sample_(sample) {}

  std::string text() {
    std::vector<std::pair<std::string, std::string>> rules;  // comment, rule
    bool any_fills = false;
    for (const EventSample::Type& type : sample_.types) {
      const std::string sets = fills(type);
      any_fills = any_fills || !sets.empty();
      rules.emplace_back(comment_on(type), rule(type, sets));
    }
    if (rules.empty())
      rules.emplace_back("# The store is empty; say what will happen.\n", rule({"something.happened", 0, {}}, ""));
    std::string text = head();
    for (const auto& [comment, rule] : rules) {
      // A rule that fills nothing would still make a row for every stream of that type.
      const bool keep = !any_fills || rule.find("\nset ") != std::string::npos;
      text += "\n" + comment + (keep ? rule : commented_out(rule));
    }
    return text + columns_left();
  }

 private:
  [[nodiscard]] bool is_key(const std::string& column) const {
    return std::ranges::find(key_.columns, column) != key_.columns.end();
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
    return "# A start, made from the columns of " + toml_text(table_.schema + "." + table_.name) + " and from " +
           (sample_.whole_store ? "all " : "the oldest and the newest ") + std::to_string(sample_.events) +
           " events of the store " + toml_text(store_.file().name) +
           ".\n# Say what each event does, leave out what the projection does not need, then: rebuild_projection "
           "--check"
           "\nname    = " +
           toml_text(projection_name()) + "\ntable   = " + toml_text(written_) + "\nkey     = [" + keys +
           "]\nversion = 1\n";
  }

  /// Members whose name is the column's; each member goes to one column.
  [[nodiscard]] const EventSample::Member* member_for(const EventSample::Type& type, const std::string& column) const {
    for (const bool exact : {true, false})
      for (const EventSample::Member& member : type.members)
        if (exact ? member.name == column : plain(member.name) == plain(column)) return &member;
    return nullptr;
  }

  [[nodiscard]] std::string key_value(const EventSample::Type& type, const std::string& column, bool first) const {
    if (column_type(*table_.find(column)) == ColumnType::timestamp) return "@ts";
    const bool streams = !store_.file().stream_id.empty();
    if (key_.columns.size() == 1 && streams) return "@stream_id";
    if (const auto* member = member_for(type, column)) return pointer_to(member->name);
    return first && streams ? "@stream_id" : pointer_to(column);
  }

  [[nodiscard]] static std::string comment_on(const EventSample::Type& type) {
    std::string members;
    for (const EventSample::Member& member : type.members)
      members += (members.empty() ? "" : ", ") + toml_text(member.name);
    return "# " + std::to_string(type.events) + (type.events == 1 ? " event; " : " events; ") +
           (members.empty() ? "no members in the payload" : "in the payload: " + members) + "\n";
  }

  /// "column = "/member", ..." for what the payloads have under a column's name.
  std::string fills(const EventSample::Type& type) {
    std::string sets;
    for (const CatalogueColumn& column : table_.columns) {
      if (is_key(column.name) || column.generated || column.identity) continue;
      const EventSample::Member* member = member_for(type, column.name);
      if (member == nullptr || !may_hold(column, member->kind)) continue;
      sets += (sets.empty() ? "" : ", ") + toml_key(column.name) + " = " + toml_text(pointer_to(member->name));
      filled_.insert(column.name);
    }
    return sets;
  }

  [[nodiscard]] std::string rule(const EventSample::Type& type, const std::string& sets) const {
    std::string key;
    for (const std::string& column : key_.columns)
      key += (key.empty() ? "" : ", ") + toml_key(column) + " = " + toml_text(key_value(type, column, key.empty()));
    return "[[on]]\nevent = " + toml_text(type.name) + "\nkey   = { " + key + " }\n" +
           (sets.empty() ? "" : "set   = { " + sets + " }\n");
  }

  /// What a person has to think of.
  [[nodiscard]] std::string columns_left() const {
    std::string text;
    for (const CatalogueColumn& column : table_.columns) {
      if (is_key(column.name) || column.generated || column.identity || filled_.contains(column.name)) continue;
      text += "#   " + toml_key(column.name) + ": " + on_one_line(column.type);
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
  std::set<std::string> filled_;
};

}  // namespace

std::string draft_projection(const Options& given, const std::string& table_name, const std::stop_token& stop) {
  Options options = given;
  if (options.source_dsn.empty()) options.source_dsn = options.dsn;
  Session source(options.source_dsn, "read", Session::Access::read_only);
  Session target(options.dsn, "commit", Session::Access::read_only);
  source.cancel_on(stop);
  target.cancel_on(stop);

  const EventStore store(find_store(options.store), source);
  const auto table = read_table(target, table_name);
  if (!table)
    throw UsageError("--init: there is no table \"" + table_name + "\" in " + target.where() +
                     "; create it first, or name it as \"schema.table\"");
  if (table->kind != 'r' && table->kind != 'p')
    throw UsageError("--init: " + table->schema + "." + table->name + " is not a table; a projection needs one");
  const CatalogueIndex* key = find_key(*table);
  if (key == nullptr)
    throw UsageError("--init: no plain unique index of " + table->schema + "." + table->name +
                     " can be a projection's key; create one, a primary key for example, on columns of type integer, "
                     "numeric, uuid, boolean, enum, text or timestamp");
  const EventSample sample = sample_events(store, source, options.source_dsn, limits::draft_events, stop);
  return Draft(*table, table_name, *key, store, sample).text();
}

}  // namespace rebuild_projection
