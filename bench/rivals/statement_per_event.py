"""The design of the first specification, in its own language: pages by keyset, a statement per event, a transaction per page.

python3 statement_per_event.py TABLE BATCH-SIZE      on the database of libpq's environment
"""

import sys

import psycopg2
import psycopg2.extras

table, batch_events = sys.argv[1], int(sys.argv[2])

PAGE = """
select event_id, ts, event_type, aggregate_id, payload from event_store
where (ts, event_id) > (%s, %s) order by ts, event_id limit %s"""

STATEMENTS = {
    "candidate.created": f"""
        insert into {table} (candidate_id, full_name, email, source, created_at, last_activity_at)
        values (%(id)s, %(full_name)s, %(email)s, %(source)s, %(ts)s, %(ts)s)
        on conflict (candidate_id) do update set full_name = excluded.full_name, email = excluded.email,
          source = excluded.source, last_activity_at = excluded.last_activity_at""",
    "candidate.stage_changed": f"""
        update {table} set stage = %(stage)s, stage_changes = stage_changes + 1, last_activity_at = %(ts)s
        where candidate_id = %(id)s""",
    "candidate.scored": f"update {table} set score = %(score)s, last_activity_at = %(ts)s where candidate_id = %(id)s",
    "candidate.note_added": f"update {table} set notes = notes + 1, last_activity_at = %(ts)s where candidate_id = %(id)s",
    "candidate.contacted": f"""
        update {table} set contacts = contacts + 1, last_activity_at = %(ts)s where candidate_id = %(id)s""",
    "candidate.updated": f"update {table} set last_activity_at = %(ts)s where candidate_id = %(id)s",
}

psycopg2.extras.register_uuid()
source, target = psycopg2.connect(""), psycopg2.connect("")
source.set_session(readonly=True, autocommit=True)
reading, writing = source.cursor(), target.cursor()
position = ("-infinity", "00000000-0000-0000-0000-000000000000")
while True:
    reading.execute(PAGE, (*position, batch_events))
    page = reading.fetchall()
    if not page:
        break
    for event_id, ts, event_type, stream_id, payload in page:
        writing.execute(STATEMENTS[event_type], {**payload, "id": stream_id, "ts": ts})
    target.commit()
    position = (page[-1][1], page[-1][0])
