-- The last row of each kind by DISTINCT ON, joined with the counts.
set work_mem = '512MB';
set jit = off;

insert into sql_distinct_on
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
