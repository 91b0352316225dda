#include "tests/end_to_end/store_shapes.h"

#include <algorithm>
#include <array>

namespace rebuild_projection::test {

namespace {

constexpr std::array shapes{
    StoreShape{.preset = "event_store",
               .tables =
                   "CREATE TABLE event_store (event_id uuid PRIMARY KEY, ts timestamptz NOT NULL, event_type text,"
                   " aggregate_id text, payload jsonb); CREATE INDEX ON event_store (ts, event_id)",
               .copy = "INSERT INTO event_store SELECT id, ts, kind, stream, body FROM {log}",
               .order = "ts, id"},
    StoreShape{
        .preset = "message-db",
        .tables =
            "CREATE SCHEMA message_store; CREATE TABLE message_store.messages (global_position bigserial PRIMARY KEY,"
            " position bigint NOT NULL, time timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),"
            " stream_name text NOT NULL, type text NOT NULL, data jsonb, metadata jsonb,"
            " id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(), UNIQUE (stream_name, position))",
        .copy = "INSERT INTO message_store.messages"
                " SELECT n, seq, ts AT TIME ZONE 'UTC', stream, kind, body, NULL, id FROM {log}",
        .append = "INSERT INTO message_store.messages (position, stream_name, type, data)"
                  " VALUES ({n}, '{stream}', 'noted', '{\"n\": {n}}')"},
    StoreShape{
        .preset = "marten",
        .tables =
            "CREATE SEQUENCE mt_events_sequence; CREATE TABLE mt_events (seq_id bigint PRIMARY KEY, id uuid NOT NULL,"
            " stream_id varchar, version bigint NOT NULL, data jsonb NOT NULL, type varchar(500) NOT NULL,"
            " timestamp timestamptz NOT NULL DEFAULT now(), tenant_id varchar DEFAULT '*DEFAULT*',"
            " mt_dotnet_type varchar, is_archived boolean DEFAULT false);"
            " CREATE UNIQUE INDEX ON mt_events (stream_id, version)",
        .copy = "INSERT INTO mt_events SELECT n, id, stream, seq, body, kind, ts, tenant, NULL, hidden FROM {log}",
        .append = "INSERT INTO mt_events (seq_id, id, stream_id, version, data, type) VALUES"
                  " (nextval('mt_events_sequence'), gen_random_uuid(), '{stream}', {n}, '{\"n\": {n}}', 'noted')",
        .hides = true},
    // Positions that are drawn before others but in a later transaction come later.
    StoreShape{
        .preset = "emmett",
        .tables = "CREATE SEQUENCE emt_global_message_position; CREATE TABLE emt_messages (stream_id text NOT NULL,"
                  " stream_position bigint NOT NULL, partition text NOT NULL DEFAULT 'a', message_kind char(1) NOT NULL"
                  " DEFAULT 'E', message_data jsonb NOT NULL, message_metadata jsonb NOT NULL DEFAULT '{}',"
                  " message_schema_version text NOT NULL DEFAULT '1', message_type text NOT NULL, message_id text"
                  " NOT NULL, is_archived boolean NOT NULL DEFAULT false, global_position bigint"
                  " DEFAULT nextval('emt_global_message_position'), transaction_id xid8 NOT NULL, created"
                  " timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (stream_id, stream_position, partition,"
                  " is_archived)) PARTITION BY LIST (partition);"
                  " CREATE TABLE emt_a PARTITION OF emt_messages FOR VALUES IN ('a') PARTITION BY LIST (is_archived);"
                  " CREATE TABLE emt_a_active PARTITION OF emt_a FOR VALUES IN (false);"
                  " CREATE TABLE emt_a_archived PARTITION OF emt_a FOR VALUES IN (true);"
                  " CREATE TABLE emt_others PARTITION OF emt_messages DEFAULT",
        .copy = "INSERT INTO emt_messages SELECT stream, seq, tenant, 'E', body, '{}', '1', kind, id::text, hidden,"
                " n + xid % 2 * 1000000, (3 + xid)::text::xid8, ts"
                " FROM (SELECT *, n * 600 / (SELECT max(n) FROM log) AS xid FROM {log}) AS m",
        .append = "INSERT INTO emt_messages (stream_id, stream_position, message_data, message_type, message_id,"
                  " transaction_id) VALUES ('{stream}', {n}, '{\"n\": {n}}', 'noted', 'm{n}', pg_current_xact_id())",
        .hides = true},
    // Some events are linked into another stream too.
    StoreShape{
        .preset = "commanded",
        .tables = "CREATE TABLE streams (stream_id bigserial PRIMARY KEY, stream_uuid text NOT NULL UNIQUE,"
                  " stream_version bigint NOT NULL DEFAULT 0, created_at timestamptz NOT NULL DEFAULT now(),"
                  " deleted_at timestamptz);"
                  " CREATE TABLE events (event_id uuid PRIMARY KEY, event_type text NOT NULL, causation_id uuid,"
                  " correlation_id uuid, data bytea NOT NULL, metadata bytea, created_at timestamptz NOT NULL"
                  " DEFAULT now());"
                  " CREATE TABLE stream_events (event_id uuid NOT NULL REFERENCES events, stream_id bigint NOT NULL"
                  " REFERENCES streams, stream_version bigint NOT NULL, original_stream_id bigint REFERENCES"
                  " streams, original_stream_version bigint, PRIMARY KEY (event_id, stream_id));"
                  " CREATE UNIQUE INDEX ON stream_events (stream_id, stream_version);"
                  " INSERT INTO streams (stream_id, stream_uuid) VALUES (0, '$all')",
        .copy = "INSERT INTO streams (stream_uuid) SELECT DISTINCT stream FROM log;"
                " INSERT INTO streams (stream_uuid) VALUES ('linked');"
                " INSERT INTO events SELECT id, kind, NULL, NULL, convert_to(body::text, 'UTF8'), NULL, ts FROM {log};"
                " INSERT INTO stream_events SELECT id, target, version, s.stream_id, seq FROM {log}"
                " JOIN streams s ON s.stream_uuid = e.stream,"
                " LATERAL (VALUES (0, n), (s.stream_id, seq)) AS of(target, version);"
                " INSERT INTO stream_events SELECT id, l.stream_id, n, s.stream_id, seq FROM log AS e"
                " JOIN streams s ON s.stream_uuid = e.stream JOIN streams l ON l.stream_uuid = 'linked'"
                " WHERE n % 3 = 0;"
                " UPDATE streams SET stream_version = (SELECT max(n) FROM log) WHERE stream_id = 0",
        .append = "INSERT INTO streams (stream_uuid) VALUES ('{stream}') ON CONFLICT DO NOTHING;"
                  " WITH whole AS (UPDATE streams SET stream_version = stream_version + 1 WHERE stream_id = 0"
                  " RETURNING stream_version), e AS (INSERT INTO events (event_id, event_type, data) VALUES"
                  " (gen_random_uuid(), 'noted', convert_to('{\"n\": {n}}', 'UTF8')) RETURNING event_id)"
                  " INSERT INTO stream_events SELECT event_id, 0, stream_version, (SELECT stream_id FROM streams"
                  " WHERE stream_uuid = '{stream}'), {n} FROM e, whole"},
    StoreShape{.preset = "rails-event-store",
               .tables =
                   "CREATE TABLE event_store_events (id bigserial PRIMARY KEY, event_id uuid NOT NULL UNIQUE,"
                   " event_type varchar NOT NULL, metadata bytea, data bytea NOT NULL, created_at timestamp(6) NOT"
                   " NULL, valid_at timestamp(6)); CREATE TABLE event_store_events_in_streams (id bigserial PRIMARY"
                   " KEY, stream varchar NOT NULL, position integer, event_id uuid NOT NULL, created_at timestamp(6)"
                   " NOT NULL, UNIQUE (stream, position), UNIQUE (stream, event_id));"
                   " CREATE INDEX ON event_store_events_in_streams (event_id)",
               .copy = "INSERT INTO event_store_events SELECT n, id, kind, NULL, convert_to(body::text, 'UTF8'),"
                       " ts AT TIME ZONE 'UTC' FROM {log};"
                       " INSERT INTO event_store_events_in_streams SELECT n * 2, stream, seq, id, now() FROM {log};"
                       " INSERT INTO event_store_events_in_streams SELECT n * 2 + 1, kind, NULL, id, now() FROM {log}",
               .append = "WITH e AS (INSERT INTO event_store_events (event_id, event_type, data, created_at) VALUES"
                         " (gen_random_uuid(), 'noted', convert_to('{\"n\": {n}}', 'UTF8'), now()) RETURNING event_id)"
                         " INSERT INTO event_store_events_in_streams (stream, position, event_id, created_at)"
                         " SELECT '{stream}', {n}, event_id, now() FROM e"},
    StoreShape{
        .preset = "patchlevel",
        .tables = "CREATE TABLE eventstore (id bigserial PRIMARY KEY, aggregate varchar(255) NOT NULL, aggregate_id"
                  " varchar(36) NOT NULL, playhead integer NOT NULL, event varchar(255) NOT NULL, payload json NOT"
                  " NULL, recorded_on timestamptz(0) NOT NULL, new_stream_start boolean NOT NULL DEFAULT false,"
                  " archived boolean NOT NULL DEFAULT false, custom_headers json NOT NULL DEFAULT '{}',"
                  " UNIQUE (aggregate, aggregate_id, playhead))",
        .copy = "INSERT INTO eventstore"
                " SELECT n, tenant, stream, seq, kind, body, ts, false, hidden, '{}' FROM {log}",
        .append = "INSERT INTO eventstore (aggregate, aggregate_id, playhead, event, payload, recorded_on) VALUES"
                  " ('a', '{stream}', {n}, 'noted', '{\"n\": {n}}', now())"},
    StoreShape{.preset = "spatie",
               .tables =
                   "CREATE TABLE stored_events (id bigserial PRIMARY KEY, aggregate_uuid uuid, aggregate_version"
                   " bigint, event_version smallint NOT NULL DEFAULT 1, event_class varchar(255) NOT NULL,"
                   " event_properties jsonb NOT NULL, meta_data jsonb NOT NULL DEFAULT '{}', created_at timestamp(0)"
                   " NOT NULL, UNIQUE (aggregate_uuid, aggregate_version))",
               .copy = "INSERT INTO stored_events SELECT n, stream::uuid, seq, 1, kind, body, '{}',"
                       " ts AT TIME ZONE 'UTC' FROM {log}",
               .append = "INSERT INTO stored_events (aggregate_uuid, aggregate_version, event_class, event_properties,"
                         " created_at) VALUES ('{stream}', {n}, 'noted', '{\"n\": {n}}', now())"},
    StoreShape{
        .preset = "eventuous",
        .tables = "CREATE SCHEMA eventuous; CREATE TABLE eventuous.streams (stream_name varchar(1000) NOT NULL UNIQUE,"
                  " stream_id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, version integer NOT NULL DEFAULT"
                  " -1); CREATE TABLE eventuous.messages (message_id uuid NOT NULL, message_type varchar NOT NULL,"
                  " stream_id integer NOT NULL REFERENCES eventuous.streams, stream_position integer NOT NULL,"
                  " global_position bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, json_data jsonb NOT NULL,"
                  " json_metadata jsonb, created timestamp NOT NULL, UNIQUE (stream_id, stream_position))",
        .copy = "INSERT INTO eventuous.streams (stream_name) SELECT DISTINCT stream FROM log;"
                " INSERT INTO eventuous.messages OVERRIDING SYSTEM VALUE SELECT id, kind, s.stream_id, seq, n, body,"
                " NULL, ts AT TIME ZONE 'UTC' FROM {log} JOIN eventuous.streams s ON s.stream_name = e.stream",
        .append = "INSERT INTO eventuous.streams (stream_name) VALUES ('{stream}') ON CONFLICT DO NOTHING;"
                  " INSERT INTO eventuous.messages (message_id, message_type, stream_id, stream_position,"
                  " json_data, created) SELECT gen_random_uuid(), 'noted', stream_id, {n}, '{\"n\": {n}}', now()"
                  " FROM eventuous.streams WHERE stream_name = '{stream}'"},
    StoreShape{.preset = "sequent",
               .tables =
                   "CREATE TABLE event_types (id smallint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, type text NOT NULL"
                   " UNIQUE); CREATE TABLE aggregates (aggregate_id uuid PRIMARY KEY, events_partition_key text NOT"
                   " NULL); CREATE TABLE events (aggregate_id uuid NOT NULL, partition_key text NOT NULL,"
                   " sequence_number integer NOT NULL, created_at timestamptz NOT NULL, event_type_id smallint NOT"
                   " NULL, event_json jsonb NOT NULL, xact_id bigint DEFAULT pg_current_xact_id()::text::bigint,"
                   " PRIMARY KEY (partition_key, aggregate_id, sequence_number));"
                   " CREATE VIEW event_records AS SELECT a.aggregate_id, e.partition_key, e.sequence_number,"
                   " e.created_at, t.type AS event_type, jsonb_build_object('aggregate_id', e.aggregate_id) ||"
                   " e.event_json AS event_json, e.xact_id FROM events e JOIN aggregates a ON a.aggregate_id ="
                   " e.aggregate_id AND a.events_partition_key = e.partition_key"
                   " JOIN event_types t ON t.id = e.event_type_id",
               .copy = "INSERT INTO event_types (type) SELECT DISTINCT kind FROM log;"
                       " INSERT INTO aggregates SELECT DISTINCT stream::uuid, tenant FROM log;"
                       " INSERT INTO events SELECT stream::uuid, tenant, seq, ts, t.id, body FROM {log}"
                       " JOIN event_types t ON t.type = e.kind",
               .order = "tenant, stream::uuid, seq",
               .has_id = false,
               .per_stream = true},
    StoreShape{.preset = "pekko-r2dbc",
               .tables =
                   "CREATE TABLE event_journal (slice integer NOT NULL DEFAULT 0, entity_type varchar(255) NOT NULL"
                   " DEFAULT 'e', persistence_id varchar(255) NOT NULL, seq_nr bigint NOT NULL, db_timestamp"
                   " timestamptz NOT NULL, event_ser_id integer NOT NULL DEFAULT 0, event_ser_manifest varchar(255)"
                   " NOT NULL, event_payload jsonb NOT NULL, deleted boolean NOT NULL DEFAULT false,"
                   " PRIMARY KEY (persistence_id, seq_nr))",
               .copy = "INSERT INTO event_journal SELECT 0, tenant, stream, seq, ts, 0, kind, body, hidden FROM {log}",
               .append = "INSERT INTO event_journal (persistence_id, seq_nr, db_timestamp, event_ser_manifest,"
                         " event_payload) VALUES ('{stream}', {n}, CURRENT_TIMESTAMP, 'noted', '{\"n\": {n}}')",
               .order = "ts, stream, seq",
               .hides = true,
               .has_id = false},
    StoreShape{.preset = "cqrs-es",
               .tables =
                   "CREATE TABLE events (aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint NOT"
                   " NULL, event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata"
                   " json NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, sequence))",
               .copy = "INSERT INTO events SELECT tenant, stream, seq, kind, '1', body, '{}' FROM {log}",
               .order = "tenant, stream, seq",
               .has_id = false,
               .has_ts = false,
               .per_stream = true},
};

std::string with(std::string text, const std::string& name, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
    text.replace(at, name.size(), value);
  return text;
}

}  // namespace

void StoreShape::copy_log(Database& database) const {
  database.execute(with(copy, "{log}", "(SELECT * FROM log ORDER BY md5(n::text)) AS e"));
}

std::string StoreShape::append_event(int n) const {
  return with(with(append, "{stream}", "00000000-0000-0000-0000-000000000001"), "{n}", std::to_string(n));
}

std::span<const StoreShape> store_shapes() {
  return shapes;
}

const StoreShape& store_shape(std::string_view preset) {
  return *std::ranges::find(shapes, preset, &StoreShape::preset);
}

}  // namespace rebuild_projection::test
