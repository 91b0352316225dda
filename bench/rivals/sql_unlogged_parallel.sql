-- The expert's: as sql_distinct_on, into a new table without a log, by all processors, and the key at the end. A crash of the server
-- empties the table, and nobody can read it before it is done.
set work_mem = '512MB';
set jit = off;
set max_parallel_workers_per_gather = 2;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;

create unlogged table sql_unlogged_parallel as
with created as (
  select distinct on (aggregate_id)
         aggregate_id, ts, payload ->> 'full_name' as full_name, payload ->> 'email' as email, payload ->> 'source' as source
  from event_store where event_type = 'candidate.created' order by aggregate_id, ts desc, event_id desc
), moved as (
  select distinct on (aggregate_id) aggregate_id, payload ->> 'stage' as stage
  from event_store where event_type = 'candidate.stage_changed' order by aggregate_id, ts desc, event_id desc
), scored as (
  select distinct on (aggregate_id) aggregate_id, (payload ->> 'score')::numeric as score
  from event_store where event_type = 'candidate.scored' order by aggregate_id, ts desc, event_id desc
), counted as (
  select aggregate_id,
         count(*) filter (where event_type = 'candidate.note_added') as notes,
         count(*) filter (where event_type = 'candidate.contacted') as contacts,
         count(*) filter (where event_type = 'candidate.stage_changed') as stage_changes,
         max(ts) as last_activity_at
  from event_store group by aggregate_id
)
select aggregate_id as candidate_id, full_name, email, source, stage, score, notes, contacts, stage_changes, created.ts as created_at,
       last_activity_at
from counted left join created using (aggregate_id) left join moved using (aggregate_id) left join scored using (aggregate_id);
alter table sql_unlogged_parallel add primary key (candidate_id);
