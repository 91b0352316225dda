-- The event store that the default store preset reads. The index serves the order in which events are replayed.
create table event_store (
  event_id       uuid        primary key,
  ts             timestamptz not null default now(),
  event_type     text        not null,
  aggregate_type text        not null,
  aggregate_id   uuid        not null,
  payload        jsonb       not null
);
create index event_store_position on event_store (ts, event_id);
