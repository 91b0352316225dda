-- The two roles of a rebuild, with the rights that tools/production.md asks for and no others. The owner of the tables runs it,
-- with psql; again whenever a projection is added. The roles are made where they are not there; give them passwords yourself.
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
BEGIN;
-- Nothing that somebody put into a schema of the search path runs as the owner: relations are named with their schema.
SET LOCAL search_path = pg_catalog, pg_temp;

SELECT format('CREATE ROLE %I LOGIN', name) FROM unnest(ARRAY[:'reader', :'writer']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

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

-- Checkpoints and dead letters; the temporary tables of VERIFY.
SELECT format('CREATE SCHEMA %I AUTHORIZATION %I', :'meta_schema', :'writer')
WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = :'meta_schema')
\gexec
SELECT format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), :'writer')
\gexec
COMMIT;
