-- What is rebuilt: the table that ours and every rival fill, and a second one of few rows that every recruiter's events change.
create table candidate_summary (
  candidate_id     uuid primary key,
  full_name        text,
  email            text,
  source           text,
  stage            text,
  score            numeric,
  notes            bigint not null default 0,
  contacts         bigint not null default 0,
  stage_changes    bigint not null default 0,
  created_at       timestamptz,
  last_activity_at timestamptz
);

create table recruiter_activity (
  recruiter_id text primary key,
  name         text,
  actions      bigint not null default 0,
  notes        bigint not null default 0,
  first_at     timestamptz,
  last_at      timestamptz
);
