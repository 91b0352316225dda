-- The tables of the projections in this folder and in counters/. Apart from the keys, columns may be null: a replay that does not begin at
-- the store's beginning (--from-ts, --from-event-id) meets candidates and leads whose first event it does not see.
create table if not exists candidate_summary (
  candidate_id       uuid primary key,
  full_name          text,
  email              text,
  location           text,
  source             text,
  skills             jsonb,
  salary_expectation numeric(12, 2),
  stage              text,
  best_score         numeric(5, 2),
  last_note          text,
  created_at         timestamptz,
  first_contacted_at timestamptz,
  last_interview_at  timestamptz,
  hired_at           timestamptz,
  last_activity_at   timestamptz
);

create table if not exists lead_summary (
  lead_id            uuid primary key,
  company            text,
  contact_name       text,
  contact_email      text,
  value              numeric(14, 2),
  currency           text,
  status             text,
  rating             smallint,
  budget             numeric(14, 2),
  contract_value     numeric(14, 2),
  lost_reason        text,
  created_at         timestamptz,
  first_contacted_at timestamptz,
  closed_at          timestamptz,
  last_activity_at   timestamptz
);

create table if not exists recruiter_activity (
  recruiter_id  uuid primary key,
  name          text,
  interviews    bigint not null default 0,
  minutes       bigint not null default 0,
  contacts      bigint not null default 0,
  stage_changes bigint not null default 0,
  first_seen_at timestamptz,
  last_seen_at  timestamptz
);
