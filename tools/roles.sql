-- The two roles of a rebuild, with the rights that tools/production.md asks for and no others. The owner of tables and
-- database runs it, with psql; again whenever a projection is added. Roles that are missing are made; give them passwords
-- yourself. Either the writer has all rights afterwards, or the script fails, says what is missing, and has given none.
--
--   psql -d shop -v tables='public.candidate_summary, public.lead_summary' -f tools/roles.sql
--
--   -v reader=NAME, -v writer=NAME   rebuild_reader, rebuild_writer
--   -v store='RELATION, ...'         what the store file reads, with schemas: public.event_store
--   -v tables='TABLE, ...'           those of the projections, with schemas
--   -v meta_schema=NAME              rebuild_projection, as --meta-schema
--   -v truncate=on                   for --truncate
--   -v read_all_stats=on             for a store ordered by time, see "Late events"; only a superuser can give it
\set ON_ERROR_STOP on
\if :{?reader} \else \set reader rebuild_reader \endif
\if :{?writer} \else \set writer rebuild_writer \endif
\if :{?store} \else \set store public.event_store \endif
\if :{?meta_schema} \else \set meta_schema rebuild_projection \endif
\if :{?truncate} \else \set truncate off \endif
\if :{?read_all_stats} \else \set read_all_stats off \endif
-- Nothing that somebody put into a schema of the search path runs as the owner: relations are named with their schema.
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY[:'reader', :'writer']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
-- The roles stay, so that what is missing can be given to them.
COMMIT;
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

-- Reading.
GRANT SELECT ON :store TO :"reader";
\if :read_all_stats
GRANT pg_read_all_stats TO :"reader";
\endif

-- Writing, and what a default draws from.
GRANT SELECT, INSERT, UPDATE, DELETE ON :tables TO :"writer";
\if :truncate
GRANT TRUNCATE ON :tables TO :"writer";
\endif
WITH granted AS (
  SELECT c.oid, c.relnamespace, r.oid AS role, acl.privilege_type
  FROM pg_class c, aclexplode(c.relacl) AS acl, pg_roles r WHERE r.oid = acl.grantee AND r.rolname IN (:'reader', :'writer')
)
SELECT DISTINCT format('GRANT USAGE ON SCHEMA %I TO %I', n.nspname, r.rolname)
FROM granted JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_roles r ON r.oid = role
WHERE NOT has_schema_privilege(role, n.oid, 'USAGE')
UNION ALL
SELECT DISTINCT format('GRANT USAGE ON SEQUENCE %s TO %I', s.oid::regclass, r.rolname)
FROM granted JOIN pg_attrdef d ON d.adrelid = granted.oid AND privilege_type = 'INSERT'
JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S' JOIN pg_roles r ON r.oid = role
\gexec

-- Checkpoints and dead letters. Whoever may not act as the writer keeps the schema.
SELECT format('CREATE SCHEMA %I', :'meta_schema') ||
  CASE WHEN pg_has_role(:'writer', CASE WHEN :SERVER_VERSION_NUM < 160000 THEN 'MEMBER' ELSE 'SET' END)
    THEN format(' AUTHORIZATION %I', :'writer') ELSE '' END
WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'meta_schema')
\gexec
-- Where the schema or a table in it is another's, its owner must agree.
WITH kept(owner, given, statement) AS (
  SELECT nspowner, has_schema_privilege(:'writer', oid, 'USAGE') AND has_schema_privilege(:'writer', oid, 'CREATE'),
    format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', nspname, :'writer')
  FROM pg_namespace WHERE nspname = :'meta_schema'
  UNION ALL
  SELECT c.relowner,
    (SELECT bool_and(has_table_privilege(:'writer', c.oid, needed))
     FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed),
    format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO %I', n.nspname, c.relname, :'writer')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :'meta_schema' AND
    c.relname IN ('rebuild_checkpoints', 'rebuild_dead_letters', 'rebuild_shadows', 'rebuild_shadow_dead_letters',
      'rebuild_previous', 'rebuild_unlogged')
)
SELECT statement FROM kept WHERE NOT given AND pg_has_role(owner, 'USAGE')
UNION ALL
SELECT format('DO %L', format('BEGIN RAISE insufficient_privilege USING MESSAGE = %L; END',
  'the writer lacks rights where checkpoints are kept; ' ||
  string_agg(format('%s must run: %s;', pg_get_userbyid(owner), statement), ' ')))
FROM kept WHERE NOT given AND NOT pg_has_role(owner, 'USAGE') HAVING count(*) > 0
\gexec

-- The temporary tables of VERIFY.
SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), :'writer')
\gexec
COMMIT;
