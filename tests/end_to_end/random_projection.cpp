#include "tests/end_to_end/random_projection.h"

#include <map>
#include <random>
#include <vector>

namespace rebuild_projection::test {
namespace {

/// A column of the target, and what the rules may do to it.
struct ColumnKind {
  std::string name;
  std::string type;
  std::vector<std::string> declarations;  ///< one is drawn; the first has no default
  std::string combining;                  ///< "add", "min", "max", "append" or ""
  std::string path;                       ///< the payload's member that fits its type
  std::string constant;                   ///< TOML, for set and init
  std::string constant_sql;
  bool never_null = false;
};

const std::vector<ColumnKind> kinds{
    {"int_sum", "integer", {"", "DEFAULT 7", "NOT NULL DEFAULT 0"}, "add", "int", "-4", "-4"},
    {"big_sum", "bigint", {"", "DEFAULT 9000000000"}, "add", "int", "12345678901", "12345678901"},
    {"num_sum", "numeric", {"", "DEFAULT 0.5"}, "add", "dec", "1.250", "1.25"},
    {"money", "numeric(10,2)", {"", "NOT NULL DEFAULT 0"}, "add", "dec", "{ literal = \"3.005\" }", "3.005"},
    {"low", "float8", {""}, "min", "dec", "0.5", "0.5"},
    {"least", "smallint", {""}, "min", "int", "3", "3"},
    {"most", "numeric", {""}, "max", "dec", "{ literal = \"2.000\" }", "2.000"},
    {"first_at", "timestamptz", {""}, "min", "@ts", "", ""},
    {"last_at", "timestamptz", {""}, "max", "@ts", "", ""},
    {"tags", "text[]", {"", "DEFAULT '{\"a b\",NULL}'"}, "append", "text", "{ literal = '{x,\"y,\"}' }", "{x,\"y,\"}"},
    {"numbers", "integer[]", {"", "NOT NULL DEFAULT '{}'"}, "append", "whole", "{ literal = \"{4,5}\" }", "{4,5}"},
    {"label", "text", {"", "DEFAULT 'it''s'"}, "", "text", "{ literal = 'a \\ \"b\"' }", "a \\ \"b\""},
    {"stage", "varchar(40)", {"NOT NULL DEFAULT 'new'"}, "", "@type", "{ literal = \"NULL\" }", "NULL", true},
    {"doc", "jsonb", {""}, "", "doc", "{ literal = '[1]' }", "[1]"},
    {"flag", "boolean", {"", "DEFAULT true"}, "", "flag", "false", "false"},
    {"seen", "date", {""}, "", "@ts", "{ literal = \"2020-02-29\" }", "2020-02-29"},
};

/// A key: its columns with their types, and where they come from.
struct KeyKind {
  std::vector<std::string> columns, types, sources;
};
const std::vector<KeyKind> key_kinds{{{"id"}, {"integer"}, {"/key"}},
                                     {{"id"}, {"text"}, {"@stream_id"}},
                                     {{"id", "part"}, {"integer", "text"}, {"/key", "/kind"}},
                                     {{"id"}, {"numeric"}, {"/decimal_key"}},
                                     {{"id"}, {"uuid"}, {"/uuid_key"}}};

std::string sql_text(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "''" : std::string(1, c);
  return result + "'";
}

/// A value of a projection file in TOML and, for the oracle, in SQL: its text, and whether its path leads nowhere.
struct Source {
  std::string toml, text, missing = "false";
};

Source source_of(const std::string& reference) {
  if (reference == "@ts") return {"\"@ts\"", "e.ts::text"};
  if (reference == "@type") return {"\"@type\"", "e.event_type"};
  if (reference == "@stream_id") return {"\"@stream_id\"", "e.aggregate_id"};
  if (reference == "@1") return {"\"@1\"", "el.matched"};
  const bool relative = reference.front() == '.';
  const std::string from = relative ? "el.value" : "e.payload";
  const std::string path = "'{" + reference.substr(relative ? 2 : 1) + "}'";
  return {"\"" + reference + "\"", "(" + from + " #>> " + path + ")", "(" + from + " #> " + path + ") IS NULL"};
}

/// Draws the parts of a projection file and of the oracle side by side.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed), key_(pick(key_kinds)) {
    std::string key_list;
    for (std::size_t part = 0; part < key_.columns.size(); ++part) {
      made_.columns += key_.columns[part] + " " + key_.types[part] + ", ";
      key_list += (part == 0 ? "" : ", ") + key_.columns[part];
    }
    std::string quoted_key;
    for (const std::string& column : key_.columns) quoted_key += (quoted_key.empty() ? "\"" : ", \"") + column + "\"";
    for (const ColumnKind& kind : kinds) {
      declarations_.push_back(pick(kind.declarations));
      made_.columns += kind.name + " " + kind.type + " " + declarations_.back() + ", ";
    }
    made_.columns += "untouched integer DEFAULT 42, PRIMARY KEY (" + key_list + ")";
    made_.toml = "table = \"target\"\nkey = [" + quoted_key + "]\n";
    for (std::size_t rules = 6 + below(5); rules > 0; --rules) add_rule();
    made_.oracle = oracle();
  }

  RandomProjection take() { return std::move(made_); }

 private:
  [[nodiscard]] std::string oracle() const {
    return "SET LOCAL timezone = 'UTC'; DO $oracle$ DECLARE e record; el record; BEGIN"
           " FOR e IN SELECT * FROM event_store ORDER BY ts, event_id LOOP BEGIN\n" +
           oracle_rules_ +
           " EXCEPTION WHEN raise_exception THEN INSERT INTO refused VALUES (e.event_id); END; END LOOP; END $oracle$";
  }

  std::size_t below(std::size_t bound) { return random_() % bound; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <typename List>
  const typename List::value_type& pick(const List& list) {
    return list[below(list.size())];
  }

  void add_rule() {
    static const std::vector<std::pair<std::string, std::string>> events{
        {"\"*\"", "true"},
        {"\"t0\"", "e.event_type = 't0'"},
        {"[\"t1\", \"t2\"]", "e.event_type IN ('t1', 't2')"},
        {"[\"t0\", \"t3\"]", "e.event_type IN ('t0', 't3')"},
        {"\"t2\"", "e.event_type = 't2'"}};
    const auto& [event, event_sql] = pick(events);
    made_.toml += "[[on]]\nevent = " + event + "\n";
    std::string condition = event_sql;
    const bool deletes = chance(20) && event != "\"*\"";
    const bool elements = chance(30);
    if (elements) made_.toml += "for_each = \"/items/*\"\n";
    if (chance(35)) condition += " AND " + add_condition(elements);

    std::string key_sql, key_values, key_missing, key_toml;
    for (std::size_t part = 0; part < key_.columns.size(); ++part) {
      std::string reference = key_.sources[part];
      if (elements && reference == "/key" && chance(60)) reference = "./key";
      const Source source = source_of(reference);
      const std::string value = typed(source.text, key_.types[part]);
      key_toml += (part == 0 ? "" : ", ") + key_.columns[part] + " = " + source.toml;
      key_sql += (part == 0 ? "o." : " AND o.") + key_.columns[part] + " = " + value;
      key_values += (part == 0 ? "" : ", ") + value;
      key_missing += (part == 0 ? "" : " OR ") + source.text + " IS NULL";
    }
    made_.toml += "key = { " + key_toml + " }\n";

    std::string body = "IF " + key_missing + " THEN RAISE EXCEPTION 'no key'; END IF;\n";
    if (deletes) {
      made_.toml += "delete = true\n";
      body += "DELETE FROM oracle o WHERE " + key_sql + ";\n";
    } else {
      const bool update_only = chance(35);
      if (update_only) made_.toml += "rows = \"update\"\n";
      std::string names;
      for (const std::string& column : key_.columns) names += (names.empty() ? "" : ", ") + column;
      if (!update_only)
        body += "IF NOT EXISTS (SELECT FROM oracle o WHERE " + key_sql + ") THEN INSERT INTO oracle (" + names +
                ") VALUES (" + key_values + "); END IF;\n";
      const std::string assignments = add_assignments(elements);
      if (!assignments.empty()) body += "UPDATE oracle o SET " + assignments + " WHERE " + key_sql + ";\n";
    }
    if (elements) {
      // A condition that looks at the element is asked for each of them.
      body =
          "FOR el IN SELECT value, matched FROM (SELECT x.value, (x.n - 1)::text AS matched FROM"
          " jsonb_array_elements(CASE jsonb_typeof(e.payload #> '{items}') WHEN 'array' THEN e.payload #> '{items}'"
          " ELSE '[]' END) WITH ORDINALITY AS x(value, n) UNION ALL SELECT y.value, y.key FROM jsonb_each(CASE"
          " jsonb_typeof(e.payload #> '{items}') WHEN 'object' THEN e.payload #> '{items}' ELSE '{}' END)"
          " AS y(key, value)) AS elements LOOP IF " +
          condition + " THEN " + body + " END IF; END LOOP;\n";
      oracle_rules_ += body;
    } else {
      oracle_rules_ += "IF " + condition + " THEN " + body + " END IF;\n";
    }
  }

  std::string add_condition(bool elements) {
    static const std::vector<std::pair<std::string, std::string>> conditions{
        {"\"/kind\" = [\"a\", \"b\"]", "coalesce(e.payload #>> '{kind}' IN ('a', 'b'), false)"},
        {"\"/flag\" = true", "coalesce(e.payload #>> '{flag}' = 'true', false)"},
        {"\"/dec\" = { exists = true }", "(e.payload #> '{dec}') IS NOT NULL"},
        {"\"/int\" = { exists = false }", "(e.payload #> '{int}') IS NULL"},
        {"\"./int\" = { exists = true }", "(el.value #> '{int}') IS NOT NULL"}};
    const auto& [toml_condition, sql] = conditions[below(elements ? conditions.size() : conditions.size() - 1)];
    made_.toml += "when = { " + toml_condition + " }\n";
    return sql;
  }

  std::string add_assignments(bool elements) {
    std::map<std::string, std::string> by_operation;
    std::string sql;
    for (std::size_t index = 0; index < kinds.size(); ++index) {
      if (!chance(40)) continue;
      const ColumnKind& kind = kinds[index];
      std::vector<std::string> operations{"set"};
      const bool starts_null = declarations_[index].empty();
      if (starts_null) operations.emplace_back("init");
      if (!kind.combining.empty()) operations.insert(operations.end(), 4, kind.combining);
      const std::string operation = pick(operations);
      const Source source = draw_source(kind, declarations_[index], operation, elements);
      by_operation[operation] += (by_operation[operation].empty() ? "" : ", ") + kind.name + " = " + source.toml;
      sql += (sql.empty() ? "" : ", ") + kind.name + " = " + result(kind, operation, source);
    }
    for (const auto& [operation, assignments] : by_operation) made_.toml += operation + " = { " + assignments + " }\n";
    return sql;
  }

  Source draw_source(const ColumnKind& kind, const std::string& declaration, const std::string& operation,
                     bool elements) {
    const bool is_array = kind.combining == "append";
    const Source constant{kind.constant, sql_text(kind.constant_sql)};
    if (is_array && operation != "append") return constant;
    if (kind.path.front() == '@') {
      if (elements && kind.name == "stage" && chance(40)) return source_of("@1");
      return kind.constant.empty() || chance(70) ? source_of(kind.path) : constant;
    }
    const bool not_null = declaration.starts_with("NOT NULL");
    if (not_null && operation == "set") return constant;
    if (!is_array && chance(15)) return constant;
    const Source path = source_of((elements && chance(60) ? "./" : "/") + kind.path);
    if (is_array || !chance(20)) return path;
    return {"{ path = " + path.toml + ", default = " + kind.constant + " }",
            "CASE WHEN " + path.missing + " THEN " + constant.text + " ELSE " + path.text + " END"};
  }

  /// An integer column takes integral numbers however they are spelled.
  static std::string typed(const std::string& text, const std::string& type) {
    const bool whole = type == "integer" || type == "bigint" || type == "smallint";
    return "(" + text + ")" + (whole ? "::numeric::" : "::") + type;
  }

  static std::string result(const ColumnKind& kind, const std::string& operation, const Source& source) {
    const std::string column = "o." + kind.name;
    const bool element = operation == "append";
    const std::string type = element ? kind.type.substr(0, kind.type.size() - 2) : kind.type;
    const std::string value = typed(source.text, type);
    const std::string kept = "CASE WHEN " + source.missing + " THEN " + column + " ELSE ";
    if (operation == "set") return kept + value + " END";
    if (operation == "init") return kept + "coalesce(" + column + ", " + value + ") END";
    if (operation == "add") return "coalesce(" + column + ", 0) + coalesce(" + value + ", 0)";
    if (element) return kept + "array_append(" + column + ", " + value + ") END";
    return "CASE WHEN " + value + " IS NULL THEN " + column + " WHEN " + column + " IS NULL THEN " + value + " WHEN " +
           value + (operation == "min" ? " < " : " > ") + column + " THEN " + value + " ELSE " + column + " END";
  }

  std::mt19937_64 random_;
  const KeyKind& key_;
  std::vector<std::string> declarations_;
  RandomProjection made_;
  std::string oracle_rules_;
};

/// Members of a payload, of an element of it, or neither: each is now and then missing or null.
class Payloads {
 public:
  explicit Payloads(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::string payload() {
    std::string items;
    const bool object = below(4) == 0;
    for (std::size_t count = below(4), index = 0; index < count; ++index)
      items += (index == 0 ? "" : ", ") + (object ? "\"m" + std::to_string(below(3)) + "\": " : "") +
               (below(9) == 0 ? std::string("7") : "{" + members() + "}");
    const std::string list = object ? "{" + items + "}" : "[" + items + "]";
    return "{" + members() + (below(3) == 0 ? "" : ", \"items\": " + list) + "}";
  }

 private:
  std::string one_of(const std::vector<std::string>& texts) { return texts[below(texts.size())]; }

  std::string members() {
    const std::string number = std::to_string(below(20));
    const std::string fraction = std::to_string(below(1000));
    std::vector<std::string> all{
        "\"int\": " + one_of({number, "-" + number, number + ".00", "2e1", "\"" + number + "\""}),
        "\"whole\": " + number,
        "\"dec\": " + one_of({"-" + number + "." + fraction, number + ".50", number, "\"0." + fraction + "5\"",
                              "123456.7890123456789", "1E-3", "200000", "200000.0", "200000.000"}),
        "\"text\": " + one_of({R"("plain")", R"("it's \"quoted\" \\ {a,b}")", R"("tab\tline\nend")", R"("NULL")",
                               R"("")", R"("Grüße \u00e9 \ud83d\ude00")", "true", "12.50", "[1,null]"}),
        "\"doc\": " + one_of({R"({"a": [1, {"b": null}], "ä": 1.10})", "[]", "3.20"}),
        std::string("\"flag\": ") + one_of({"true", "false"}),
        "\"kind\": " + one_of({R"("a")", R"("b")", R"("c")"})};
    std::string result = keys();
    for (const std::string& member : all) {
      const std::size_t draw = below(10);
      if (draw < 2) continue;
      result += (result.empty() ? "" : ", ") + (draw == 2 ? member.substr(0, member.find(':')) + ": null" : member);
    }
    return result;
  }

  /// Few keys, so that many events meet in one row, each in several spellings.
  std::string keys() {
    if (below(40) == 0) return below(2) == 0 ? "" : R"("key": null, "decimal_key": null, "uuid_key": null)";
    const std::string key = std::to_string(below(9));
    const std::string low = "0b8f7c1e-4a5d-4e7b-9c3d-00000000000" + key;
    const std::string high = "{0B8F7C1E4A5D4E7B9C3D00000000000" + key + "}";
    return "\"key\": " + one_of({key, key + ".0", "\"" + key + "\"", "\" " + key + " \""}) +
           ", \"decimal_key\": " + one_of({key, key + ".0", key + ".000", "\"" + key + ".00\"", key + "e0"}) +
           ", \"uuid_key\": \"" + one_of({low, high}) + "\"";
  }

  std::mt19937_64 random_;
};

}  // namespace

RandomProjection random_projection(std::uint64_t seed) {
  return Generator(seed).take();
}

std::string random_events(std::uint64_t seed, std::size_t count) {
  Payloads payloads(seed);
  std::string sql;
  for (std::size_t number = 0; number < count; ++number)
    sql += "INSERT INTO event_store VALUES (md5('" + std::to_string(number) +
           "')::uuid, timestamptz '2025-01-01Z' + interval '0.5 s' * " + std::to_string(payloads.below(count / 3)) +
           ", 't" + std::to_string(payloads.below(6)) + "', 's" + std::to_string(payloads.below(4)) + "', " +
           sql_text(payloads.payload()) + ");\n";
  return sql;
}

}  // namespace rebuild_projection::test
