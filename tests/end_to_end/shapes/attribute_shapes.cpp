#include "tests/end_to_end/shapes/source_shape.h"

namespace rebuild_projection::test {

namespace {

/// The column is of this type.
SourceShape of(const std::string& column, const std::string& name, const std::string& type,
               const std::string& value = "", Refusable may_refuse = Refusable::nothing,
               const std::string& before = "") {
  SourceShape shape{.name = column + "_of_" + name,
                    .make = before + "CREATE TABLE {store} ({columns}, PRIMARY KEY ({order}))",
                    .types = {{"n", "bigint"}, {column, type}},
                    .order = {"n"},
                    .may_refuse = may_refuse};
  if (!value.empty()) shape.values[column] = value;
  return shape;
}

}  // namespace

std::vector<SourceShape> attribute_shapes() {
  constexpr auto all = Refusable::all;
  const std::string citext = "CREATE EXTENSION IF NOT EXISTS citext SCHEMA ext;";
  const std::string regardless =
      "CREATE COLLATION regardless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);";
  const std::string kinds = "CREATE TYPE kinds AS ENUM ('removed', 'slot', 'put', 'parent', 'noted');";
  std::vector<SourceShape> shapes{
      of("kind", "varchar", "varchar(20)"),
      of("kind", "char", "char(9)", "", all),
      of("kind", "char_without_a_length", "bpchar", "", all),
      of("kind", "name", "name", "", all),
      of("kind", "citext", "ext.citext", "", all, citext),
      of("kind", "citext_of_two_cases", "ext.citext", "CASE WHEN n % 2 = 0 THEN upper(kind) ELSE kind END", all,
         citext),
      of("kind", "nondeterministic_text", "text COLLATE regardless",
         "CASE WHEN n % 2 = 0 THEN upper(kind) ELSE kind END", all, regardless),
      of("kind", "enum", "kinds", "", Refusable::nothing, kinds),
      of("kind", "domain", "word", "", all, "CREATE DOMAIN word AS varchar(20) CHECK (VALUE <> '');"),
      of("kind", "domain_over_char", "word", "", all, "CREATE DOMAIN word AS char(9);"),
      of("kind", "domain_over_enum", "word", "", all, kinds + "CREATE DOMAIN word AS kinds;"),
      of("kind", "ltree", "ext.ltree", "", all, "CREATE EXTENSION IF NOT EXISTS ltree SCHEMA ext;"),
      of("stream", "varchar", "varchar(5)"),
      of("stream", "char", "char(3)", "", all),
      of("stream", "char_of_one", "char(1)", "", all),
      of("stream", "quoted_char", "\"char\"", "", all),
      of("stream", "name", "name", "", all),
      of("stream", "citext", "ext.citext", "", all, citext),
      of("stream", "nondeterministic_text", "text COLLATE regardless", "", all, regardless),
      of("stream", "enum", "streams", "", all, "CREATE TYPE streams AS ENUM ('g', 'f', 'e', 'd', 'c', 'b', 'a');"),
      of("stream", "domain", "word", "", all, "CREATE DOMAIN word AS text;"),
      of("stream", "domain_over_char", "word", "", all, "CREATE DOMAIN word AS char(3);"),
      of("id", "text", "text"),
      of("id", "bigint", "bigint", "n * 7"),
      of("id", "char", "char(40)", "", all),
      of("id", "citext", "ext.citext", "", all, citext),
      of("id", "integer_domain", "number", "n", all, "CREATE DOMAIN number AS integer;"),
      of("ts", "timestamp", "timestamp"),
      of("ts", "date", "date", "", all),
      of("ts", "text", "text", "", all),
      of("ts", "seconds", "bigint", "extract(epoch FROM ts)::bigint", all),
      of("ts", "domain", "moment", "", all, "CREATE DOMAIN moment AS timestamptz;"),
      of("body", "json", "json"),
      of("body", "text", "text"),
      of("body", "varchar", "varchar", "", all),
      of("body", "char", "char(200)", "", all),
      of("body", "bytea", "bytea", "'\\x' || encode(convert_to(body::text, 'UTF8'), 'hex')"),
      of("body", "domain_over_jsonb", "document", "", all,
         "CREATE DOMAIN document AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');"),
      of("body", "domain_over_json", "document", "", all, "CREATE DOMAIN document AS json;"),
      of("body", "domain_over_text", "document", "", all, "CREATE DOMAIN document AS text;"),
      of("body", "citext", "ext.citext", "", all, citext),
      of("body", "hstore", "ext.hstore", "'a=>1'", all, "CREATE EXTENSION IF NOT EXISTS hstore SCHEMA ext;"),
      of("body", "xml", "xml", "'<a/>'", all),
  };
  // What numbers say is what kind of event it is.
  SourceShape numbered =
      of("kind", "integer", "integer",
         "CASE kind WHEN 'put' THEN 1 WHEN 'slot' THEN 2 WHEN 'parent' THEN 3 WHEN 'removed' THEN 4 ELSE 10 END");
  numbered.kinds = {{"put", "1"}, {"slot", "2"}, {"parent", "3"}, {"removed", "4"}};
  shapes.push_back(numbered);
  // A text in a list of texts that the store does not know, and is no type's either.
  SourceShape spelled = of("kind", "text_with_quotes", "text", "'it''s \"' || kind || '\" \\'");
  spelled.kinds = {{"put", "it's \"put\" \\"},
                   {"slot", "it's \"slot\" \\"},
                   {"parent", "it's \"parent\" \\"},
                   {"removed", "it's \"removed\" \\"}};
  shapes.push_back(spelled);
  return shapes;
}

}  // namespace rebuild_projection::test
