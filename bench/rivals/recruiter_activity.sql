-- What the second projection must hold; compared with it, and not timed.
select payload #>> '{by,user_id}' as recruiter_id,
       (array_agg(payload #>> '{by,name}' order by ts desc, event_id desc))[1] as name,
       count(*) as actions,
       count(*) filter (where event_type = 'candidate.note_added') as notes,
       min(ts) as first_at,
       max(ts) as last_at
from event_store
where event_type <> 'candidate.created'
group by payload #>> '{by,user_id}'
