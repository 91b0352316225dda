-- What one would write first: the last value of each column by an ordered array, all in one GROUP BY.
set work_mem = '512MB';
set jit = off;

insert into sql_obvious
select aggregate_id,
       (array_agg(payload ->> 'full_name' order by ts desc, event_id desc) filter (where event_type = 'candidate.created'))[1],
       (array_agg(payload ->> 'email' order by ts desc, event_id desc) filter (where event_type = 'candidate.created'))[1],
       (array_agg(payload ->> 'source' order by ts desc, event_id desc) filter (where event_type = 'candidate.created'))[1],
       (array_agg(payload ->> 'stage' order by ts desc, event_id desc) filter (where event_type = 'candidate.stage_changed'))[1],
       (array_agg((payload ->> 'score')::numeric order by ts desc, event_id desc) filter (where event_type = 'candidate.scored'))[1],
       count(*) filter (where event_type = 'candidate.note_added'),
       count(*) filter (where event_type = 'candidate.contacted'),
       count(*) filter (where event_type = 'candidate.stage_changed'),
       min(ts) filter (where event_type = 'candidate.created'),
       max(ts)
from event_store
group by aggregate_id;
