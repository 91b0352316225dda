// Without this file whoever may create objects in a schema of the search path could have the operator's session run
// them: with the operator's rights.
#include <gtest/gtest.h>

#include "tests/support/recruiting.h"

namespace rebuild_projection::test {
namespace {

/// A double in `public` of each function, operator, type and relation of pg_catalog: functions and operators raise
/// TRAP, a type is a domain that takes no value, a relation has a column of its own only.
constexpr const char* doubles = R"(
SET LOCAL search_path = pg_catalog; SET LOCAL check_function_bodies = off;
CREATE FUNCTION public.trap() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'TRAP'; END$$;
DO $do$
DECLARE one record;
BEGIN
  FOR one IN SELECT p.oid, p.proname, p.prorettype::regtype AS result, p.proretset,
                    (SELECT coalesce(string_agg(t::regtype::text, ', ' ORDER BY n), '')
                     FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS u(t, n)) AS arguments
             FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND NOT EXISTS (
               SELECT FROM pg_type t WHERE t.typtype = 'p' AND t.typname NOT IN ('record', 'anyelement', 'anyarray', 'any')
               AND (t.oid = p.prorettype OR t.oid = ANY (p.proargtypes))) LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION ''TRAP %s''; END$$',
                     one.proname, one.arguments, CASE WHEN one.proretset THEN 'SETOF' END, one.result, one.proname);
    EXCEPTION WHEN OTHERS THEN NULL; END;
  END LOOP;
  FOR one IN SELECT o.*, format('(%s)', concat_ws(', ', nullif(oprleft, 0)::regtype, oprright::regtype)) AS arguments
             FROM pg_operator o WHERE oprnamespace = 'pg_catalog'::regnamespace LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION public.operator_trap%s RETURNS %s LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION ''TRAP %s''; END$$',
                     one.arguments, one.oprresult::regtype, one.oprname);
    EXCEPTION WHEN duplicate_function THEN NULL; WHEN OTHERS THEN CONTINUE; END;
    BEGIN
      EXECUTE format('CREATE OPERATOR public.%s (%s RIGHTARG = %s, FUNCTION = public.operator_trap)', one.oprname,
                     'LEFTARG = ' || nullif(one.oprleft, 0)::regtype || ',', one.oprright::regtype);
    EXCEPTION WHEN OTHERS THEN NULL; END;
  END LOOP;
  FOR one IN SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r')
             AND typname NOT LIKE '\_%' LOOP
    EXECUTE format('CREATE DOMAIN public.%I AS text CHECK (public.trap())', one.typname);
  END LOOP;
  FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') LOOP
    EXECUTE format('CREATE TABLE public.%I (trap text)', one.relname);
  END LOOP;
END $do$)";

TEST(PlantedObjects, DoublesOfTheWholeCatalogueNeverRun) {
  Recruiting store;
  store.append(1, 60);
  store.database.execute(doubles);
  // They are there, and a session that looks into `public` first runs them.
  EXPECT_GT(std::stoi(store.database.value("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace")),
            2000);
  EXPECT_GT(
      std::stoi(store.database.value("SELECT count(*) FROM pg_operator WHERE oprnamespace = 'public'::regnamespace")),
      500);
  store.database.execute("ALTER DATABASE " + store.database.name() + " SET search_path = public, pg_catalog");
  EXPECT_THROW(OtherClient(store.database).value("SELECT lower('A'::text)"), std::exception);
  EXPECT_THROW(OtherClient(store.database).value("SELECT 'a'::text = 'b'::text"), std::exception);

  const auto expect = [&](int exit_code, const std::vector<std::string>& arguments) {
    const Outcome run = store.run(arguments);
    EXPECT_EQ(run.exit_code, exit_code) << arguments[0] << " " << arguments[1] << "\n" << run.err;
    EXPECT_EQ((run.out + run.err).find("TRAP"), std::string::npos) << run.err;
  };
  const auto expect_rows = [&] {
    for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
  };
  const std::vector<std::string> apply{"--projection", "all", "--mode", "APPLY"};
  const auto apply_with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), apply.begin(), apply.end());
    expect(0, more);
    expect_rows();
  };
  expect(0, {"--check", "--progress", "none"});
  expect(0, {"--status", "--progress", "none"});
  expect(0, {"--init", "stages"});
  expect(0, {"--projection", "all", "--mode", "DRY_RUN"});
  apply_with({"--batch-size", "7"});
  apply_with({"--truncate", "--payload", "whole"});
  store.append(61, 70);
  apply_with({"--resume"});
  store.append(71, 90);
  apply_with({"--strategy", "shadow", "--keep-previous"});
  expect(0, {"--projection", "all", "--undo-publish"});
  expect(4, {"--projection", "all", "--mode", "VERIFY"});
  apply_with({"--from-ts", "2025-01-01T00:00:10Z", "--scope", "touched"});
  expect(0, {"--projection", "stages", "--explain-row", "3"});
  store.database.execute("UPDATE event_store SET payload = '{\"n\": \"x\"}' WHERE ts < '2025-01-01T00:00:01Z'");
  expect(2, {"--projection", "all", "--mode", "APPLY", "--on-error", "skip"});
}

/// A column's default is code of the table's owner that runs in the session: what it leaves in pg_temp is found by
/// nobody.
TEST(PlantedObjects, InPgTempAreFoundByNobody) {
  Recruiting store;
  store.append(1, 60);
  store.database.execute(R"(
CREATE FUNCTION public.plant() RETURNS text LANGUAGE plpgsql AS $plant$
BEGIN
  IF to_regclass('pg_temp.pg_class') IS NOT NULL THEN RETURN 'planted before'; END IF;
  CREATE TEMP TABLE pg_class (oid oid, trap text);
  CREATE TEMP TABLE pg_attribute (attname name, trap text);
  CREATE TEMP TABLE pg_stat_activity (pid integer, trap text);
  CREATE TEMP TABLE rebuild_checkpoints (trap text);
  CREATE TEMP TABLE stages (trap text);
  CREATE DOMAIN pg_temp.text AS integer CHECK (VALUE > 7);
  CREATE FUNCTION pg_temp.count() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'TRAP'; END$$;
  CREATE FUNCTION pg_temp.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'TRAP'; END$$;
  CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.equal);
  RETURN 'planted';
END $plant$;
CREATE TABLE marked (candidate_id text PRIMARY KEY, stage text, mark text DEFAULT public.plant()))");
  store.projections.write("marked.toml",
                          "name = \"marked\"\ntable = \"public.marked\"\nkey = [\"candidate_id\"]\n[[on]]\n"
                          "event = \"stage_changed\"\nkey = { candidate_id = \"@stream_id\" }\n"
                          "set = { stage = \"/stage\" }\n");
  const auto expect_rows = [&](const Outcome& run) {
    EXPECT_EQ(run.exit_code, 0) << run.err;
    for (const char* projection : {"event_rows", "stages", "counters"}) EXPECT_EQ(store.differing(projection), "0");
    EXPECT_EQ(store.database.value("SELECT count(*) FILTER (WHERE mark LIKE 'planted%') = count(*) AND count(*) = 7"
                                   " FROM marked"),
              "t");
    EXPECT_EQ(store.database.value("SELECT count(*) FROM marked JOIN stages USING (candidate_id, stage)"), "7");
  };
  for (const char* batch : {"1", "7", "200"})
    expect_rows(store.apply("all", {"--batch-size", batch, "--clear", "always"}));
  expect_rows(store.apply("all", {"--truncate", "--clear", "always"}));
  store.append(61, 90);
  expect_rows(store.apply("all", {"--resume"}));
  expect_rows(store.apply("all", {"--strategy", "shadow"}));
}

}  // namespace
}  // namespace rebuild_projection::test
