-- An event store of :events events: a new candidate every twelfth event, and between them what happened to the candidates so far, drawn
-- at random from a fixed seed. The payloads are some 246 bytes of text; the table and its index are those of tools/event_store.sql.
select setseed(0.25);

insert into event_store (event_id, ts, event_type, aggregate_type, aggregate_id, payload)
with drawn as materialized (
  select n, n % 12 = 0 as created, case when n % 12 = 0 then n / 12 else (random() * (n / 12))::bigint end as candidate
  from generate_series(0, :events::bigint - 1) as n
), named as (
  select n, created, candidate, md5('candidate ' || candidate) as id, n % 97 as recruiter from drawn
)
select md5('event ' || n)::uuid,
       timestamptz '2025-01-01 00:00Z' + n * interval '13 milliseconds',
       'candidate.' || case when created then 'created'
         else (array['scored', 'updated', 'note_added', 'contacted', 'stage_changed'])[1 + n * 13 % 5] end,
       'candidate',
       id::uuid,
       case when created then jsonb_build_object(
         'candidate_id', id,
         'full_name', 'Candidate ' || candidate,
         'email', 'c' || candidate || '@example.org',
         'phone', '+49 151 ' || candidate,
         'source', (array['website', 'referral', 'linkedin', 'xing'])[1 + candidate % 4],
         'skills', array['c++', 'sql', 'java'],
         'salary_expectation', 40000 + candidate % 600 * 100)
       else jsonb_build_object(
         'candidate_id', id,
         'stage', (array['hired', 'offer', 'rejected', 'screening', 'sourced', 'interview'])[1 + n * 7 % 6],
         'by', jsonb_build_object('user_id', md5('recruiter ' || recruiter), 'name', 'Recruiter ' || recruiter),
         'score', n % 1000 / 10.0,
         'note', repeat('lorem ipsum ', (n % 7)::int),
         'channel', (array['phone', 'mail', 'chat'])[1 + n % 3])
       end
from named;
