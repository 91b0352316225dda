#include "tests/end_to_end/shapes/story.h"

#include <algorithm>
#include <iterator>

namespace rebuild_projection::test {

namespace {

constexpr const char* log_sql = R"sql(
CREATE SCHEMA oracle;
CREATE TABLE oracle.log (n integer PRIMARY KEY, id uuid, ts timestamptz, kind text, stream text, body jsonb, bad boolean);
INSERT INTO oracle.log
SELECT n, lpad(to_hex(n * 16), 32, '0')::uuid, timestamptz '2025-01-01Z' + n / 2 * interval '1 second', kind, stream,
       body::jsonb, false
FROM (VALUES
  (1, 'put', 'a', '{"v": 1, "label": "one"}'),
  (2, 'put', 'b', '{"v": 2, "label": null}'),
  (3, 'put', 'c', '{"v": 3, "label": "it''s \"q\", \\ {x} \\N"}'),
  (4, 'slot', 'a', '{"slot": 1, "takes": 1}'),
  (5, 'slot', 'b', '{"slot": 2, "takes": 2}'),
  (6, 'parent', 'b', '{"parent": "a"}'),
  (7, 'parent', 'c', '{"parent": "b"}'),
  (8, 'put', 'd', '{"v": 4}'),
  (9, 'slot', 'd', '{"slot": 3, "takes": 3}'),
  (10, 'noted', 'a', '{"v": 100}'),
  (11, 'slot', 'a', '{"slot": null, "leaves": 1}'),
  (12, 'slot', 'b', '{"slot": 1, "leaves": 2, "takes": 1}'),
  (13, 'slot', 'a', '{"slot": 2, "takes": 2}'),
  (14, 'parent', 'c', '{"parent": "a"}'),
  (15, 'parent', 'b', '{"parent": null, "none": true}'),
  (16, 'put', 'e', '{"v": 5, "label": "e"}'),
  (17, 'parent', 'e', '{"parent": "c"}'),
  (18, 'parent', 'e', '{"parent": "d"}'),
  (19, 'parent', 'd', '{"parent": "b"}'),
  (20, 'removed', 'c', '{"none": true}'),
  (21, 'put', 'b', '{"v": -7, "label": "two"}'),
  (22, 'put', 'f', '{"v": 6, "label": ""}'),
  (23, 'slot', 'f', '{"slot": 4, "takes": 4}'),
  (24, 'parent', 'a', '{"parent": "e"}'),
  (25, 'put', 'c', '{"v": 9, "label": "again"}'),
  (26, 'slot', 'c', '{"slot": 5, "takes": 5}'),
  (27, 'slot', 'd', '{"slot": null, "leaves": 3}'),
  (28, 'slot', 'c', '{"slot": 3, "leaves": 5, "takes": 3}'),
  (29, 'parent', 'f', '{"parent": "c"}'),
  (30, 'put', 'g', '{"v": 8, "label": "Grüße 日本"}'),
  (31, 'parent', 'f', '{"parent": null, "none": true}'),
  (32, 'removed', 'f', '{"leaves": 4, "none": true}'),
  (33, 'slot', 'g', '{"slot": 4, "takes": 4}'),
  (34, 'put', 'a', '{"v": 10, "label": "ONE"}'),
  (35, 'slot', 'e', '{"slot": 5, "takes": 5}'),
  (36, 'put', 'd', '{"v": 1, "label": "d"}'),
  (37, 'parent', 'g', '{"parent": "a"}')) AS told (n, kind, stream, body);

CREATE FUNCTION oracle.want(upto integer) RETURNS TABLE (id text, v integer, total bigint, label text, slot integer,
  parent text, at timestamptz) LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  WITH told AS (
    SELECT l.* FROM oracle.log AS l
    WHERE NOT l.bad AND l.n <= upto AND l.n > coalesce((SELECT max(r.n) FROM oracle.log AS r
      WHERE r.kind = 'removed' AND r.stream = l.stream AND r.n <= upto), 0))
  SELECT p.stream, (array_agg((p.body->>'v')::integer ORDER BY p.n DESC))[1], sum((p.body->>'v')::bigint)::bigint,
    (SELECT t.body->>'label' FROM told AS t WHERE t.stream = p.stream AND t.kind = 'put' AND t.body ? 'label'
      ORDER BY t.n DESC LIMIT 1),
    (SELECT (t.body->>'slot')::integer FROM told AS t WHERE t.stream = p.stream AND t.kind = 'slot'
      ORDER BY t.n DESC LIMIT 1),
    (SELECT t.body->>'parent' FROM told AS t WHERE t.stream = p.stream AND t.kind = 'parent'
      ORDER BY t.n DESC LIMIT 1),
    max(p.ts)
  FROM told AS p WHERE p.kind = 'put' GROUP BY p.stream
$$;
)sql";

constexpr const char* state_sql = R"sql(
CREATE FUNCTION oracle.state() RETURNS SETOF text LANGUAGE plpgsql
SET search_path = pg_catalog SET row_security = off AS $$
DECLARE
  relation record;
  found text;
BEGIN
  FOR relation IN
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind AS kind,
      concat_ws(' ', c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.relacl,
        c.reloptions, c.reltablespace, c.relispartition) AS properties
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'oracle')
  LOOP
    RETURN NEXT relation.name || ' is ' || relation.properties;
    IF relation.kind = 'r' THEN
      EXECUTE 'SELECT md5(coalesce(string_agg(concat((tuple_.*)::text, tuple_.xmin, tuple_.ctid), '''' ORDER BY tuple_.ctid), ''''))'
        || ' || '' '' || count(*) FROM ONLY ' || relation.name || ' AS tuple_' INTO found;
      RETURN NEXT relation.name || ' holds ' || found;
    ELSIF relation.kind = 'S' THEN
      EXECUTE 'SELECT last_value || '' '' || is_called FROM ' || relation.name INTO found;
      RETURN NEXT relation.name || ' is at ' || found;
    END IF;
    RETURN QUERY
      SELECT relation.name || ' has ' || p.property FROM (
        SELECT concat_ws(' ', 'column', attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
          attgenerated, attacl, attstattarget, attisdropped, attstorage, attislocal) FROM pg_attribute
          WHERE attrelid = relation.oid AND attnum > 0
        UNION ALL SELECT 'default ' || adnum || ' ' || md5(adbin::text) FROM pg_attrdef WHERE adrelid = relation.oid
        UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid), convalidated, condeferrable, condeferred)
          FROM pg_constraint WHERE conrelid = relation.oid
        UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisvalid, indisreplident) FROM pg_index
          WHERE indrelid = relation.oid
        UNION ALL SELECT concat_ws(' ', 'trigger', pg_get_triggerdef(oid), tgenabled) FROM pg_trigger
          WHERE tgrelid = relation.oid AND NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', 'rule', pg_get_ruledef(oid), ev_enabled) FROM pg_rewrite WHERE ev_class = relation.oid
        UNION ALL SELECT concat_ws(' ', 'policy', polname, pg_get_expr(polqual, polrelid)) FROM pg_policy WHERE polrelid = relation.oid
        UNION ALL SELECT 'publication ' || prpubid FROM pg_publication_rel WHERE prrelid = relation.oid
        UNION ALL SELECT 'statistics ' || pg_get_statisticsobjdef(oid) FROM pg_statistic_ext WHERE stxrelid = relation.oid
        UNION ALL SELECT 'parent ' || inhparent::regclass || ' ' || inhseqno FROM pg_inherits WHERE inhrelid = relation.oid
        UNION ALL SELECT 'comment ' || description FROM pg_description WHERE objoid = relation.oid
      ) AS p (property);
  END LOOP;
END
$$;
)sql";

}  // namespace

const std::vector<std::string>& Story::columns() {
  static const std::vector<std::string> all{"id", "v", "total", "label", "slot", "parent", "at"};
  return all;
}

void Story::tell(Database& database) {
  database.execute(log_sql);
  database.execute(state_sql);
}

void Story::tell_what_cannot_be(Database& database) {
  // Their numbers lie after all others', their ids and times between them.
  database.execute(
      "INSERT INTO oracle.log SELECT 100 + l.n, lpad(to_hex(l.n * 16 + 8), 32, '0')::uuid, l.ts, 'put', 'h', bad.body, "
      "true"
      " FROM (VALUES (8, '{\"v\": \"no number\"}'::jsonb), (26, '{\"v\": 99999999999999999999}')) AS bad (n, body)"
      " JOIN oracle.log AS l USING (n)");
}

std::vector<std::string> Story::cannot_be() {
  return {"00000000-0000-0000-0000-000000000088", "00000000-0000-0000-0000-0000000001a8"};
}

std::vector<std::string> Story::state(Database& database) {
  auto lines = database.rows("SELECT oracle.state()");
  std::ranges::sort(lines);
  return lines;
}

std::string differences(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  std::vector<std::string> gone, come;
  std::ranges::set_difference(before, after, std::back_inserter(gone));
  std::ranges::set_difference(after, before, std::back_inserter(come));
  std::string text;
  for (const std::string& line : gone) text += "- " + line + "\n";
  for (const std::string& line : come) text += "+ " + line + "\n";
  return text;
}

}  // namespace rebuild_projection::test
