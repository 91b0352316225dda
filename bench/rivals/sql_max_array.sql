-- The best INSERT ... SELECT known: an array of position and value has the last value in its greatest, which needs no sort. That times
-- compare as text like times holds for one zone without daylight saving, so it is set.
set work_mem = '512MB';
set jit = off;
set timezone = 'UTC';

insert into sql_max_array
select aggregate_id,
       (max(array[ts::text, event_id::text, payload ->> 'full_name']) filter (where event_type = 'candidate.created'))[3],
       (max(array[ts::text, event_id::text, payload ->> 'email']) filter (where event_type = 'candidate.created'))[3],
       (max(array[ts::text, event_id::text, payload ->> 'source']) filter (where event_type = 'candidate.created'))[3],
       (max(array[ts::text, event_id::text, payload ->> 'stage']) filter (where event_type = 'candidate.stage_changed'))[3],
       (max(array[ts::text, event_id::text, payload ->> 'score']) filter (where event_type = 'candidate.scored'))[3]::numeric,
       count(*) filter (where event_type = 'candidate.note_added'),
       count(*) filter (where event_type = 'candidate.contacted'),
       count(*) filter (where event_type = 'candidate.stage_changed'),
       min(ts) filter (where event_type = 'candidate.created'),
       max(ts)
from event_store
group by aggregate_id;
