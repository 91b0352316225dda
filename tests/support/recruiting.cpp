#include "tests/support/recruiting.h"

#include <cstdio>
#include <map>
#include <pqxx/pqxx>
#include <stdexcept>
#include <thread>

#include "tests/support/hostile_names.h"

namespace rebuild_projection::test {

namespace {

constexpr std::chrono::seconds patience{30};

constexpr const char* tables = R"(
CREATE TABLE event_rows (event_id uuid PRIMARY KEY, n integer, at timestamptz);
CREATE TABLE stages (candidate_id text PRIMARY KEY, stage text, last_event uuid, at timestamptz);
CREATE TABLE counters (candidate_id text PRIMARY KEY, changes bigint NOT NULL DEFAULT 0, total numeric NOT NULL DEFAULT 0);
)";

constexpr const char* event_rows_file = R"(
name  = "event_rows"
table = "event_rows"
key   = ["event_id"]
[[on]]
event = "*"
key   = { event_id = "@event_id" }
set   = { n = "/n", at = "@ts" }
)";

constexpr const char* stages_file = R"(
name  = "stages"
table = "stages"
key   = ["candidate_id"]
[[on]]
event = "stage_changed"
key   = { candidate_id = "@stream_id" }
set   = { stage = "/stage", last_event = "@event_id", at = "@ts" }
)";

constexpr const char* counters_file = R"(
name  = "counters"
table = "counters"
key   = ["candidate_id"]
[[on]]
event = "stage_changed"
key   = { candidate_id = "@stream_id" }
add   = { changes = 1, total = "/n" }
)";

std::string wanted_rows(const std::string& projection, const std::string& condition) {
  const std::string changed = " FROM event_store WHERE event_type = 'stage_changed' AND " + condition;
  if (projection == "event_rows")
    return "SELECT event_id, (payload->>'n')::integer, ts FROM event_store WHERE " + condition;
  if (projection == "stages")
    return "SELECT DISTINCT ON (aggregate_id) aggregate_id, payload->>'stage', event_id, ts" + changed +
           " ORDER BY aggregate_id, ts DESC, event_id DESC";
  if (projection == "counters")
    return "SELECT aggregate_id, count(*), sum((payload->>'n')::numeric)" + changed + " GROUP BY aggregate_id";
  throw std::logic_error("no projection " + projection);
}

}  // namespace

nlohmann::json Outcome::projection(const std::string& name) const {
  if (summary.is_object())
    for (const auto& entry : summary["projections"])
      if (entry["name"] == name) return entry;
  return nlohmann::json::object();
}

struct OtherClient::Link {
  explicit Link(const std::string& dsn) : connection(dsn), statements(connection) {}
  pqxx::connection connection;
  pqxx::nontransaction statements;
};

OtherClient::OtherClient(const Database& database, const std::string& begin, const std::string& role)
    : link_(std::make_unique<Link>(database.own_dsn(role))) {
  execute(begin);
}

OtherClient::~OtherClient() = default;  // the server rolls back what is open

void OtherClient::execute(const std::string& sql) {
  link_->statements.exec(hostile_sql(sql));
}

std::string OtherClient::value(const std::string& sql) {
  const pqxx::result rows = link_->statements.exec(hostile_sql(sql));
  return rows.empty() ? "" : rows[0][0].is_null() ? "NULL" : rows[0][0].c_str();
}

Role::Role(Database& database, const std::string& prefix) : database_(database), name_(prefix + "_" + database.name()) {
  database_.execute("CREATE ROLE " + name_ + " LOGIN");
}

Role::~Role() {
  try {
    database_.execute("DROP OWNED BY " + name_ + " CASCADE; DROP ROLE " + name_);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "role %s is left behind: %s\n", name_.c_str(), error.what());
  }
}

Recruiting::Recruiting() {
  database.create_event_store();
  database.execute(tables);
  projections.write("event_rows.toml", event_rows_file);
  projections.write("stages.toml", stages_file);
  projections.write("counters.toml", counters_file);
}

void Recruiting::append(std::uint64_t first, std::uint64_t last) {
  database.execute(
      "INSERT INTO event_store SELECT lpad(to_hex(n), 32, '0')::uuid,"
      " timestamptz '2025-01-01Z' + n / 3 * interval '1 second',"
      " CASE WHEN n % 5 = 0 THEN 'note_added' ELSE 'stage_changed' END, (n % 7)::text,"
      " jsonb_build_object('n', n, 'stage', 'stage ' || n % 11)"
      " FROM generate_series(" +
      std::to_string(first) + ", " + std::to_string(last) + ") AS n ORDER BY md5(n::text)");
}

std::vector<std::string> Recruiting::with_places(const std::vector<std::string>& arguments) const {
  std::vector<std::string> all{
      "--dsn", database.dsn(), "--projections", projections.path(), "--summary", results.path() + "/summary.json"};
  for (const std::string& argument : arguments) {
    // What a test places itself is not placed again.
    for (std::size_t at = 0; at < all.size(); at += 2)
      if (all[at] == argument)
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(at), all.begin() + static_cast<std::ptrdiff_t>(at) + 2);
  }
  all.insert(all.end(), always.begin(), always.end());
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Outcome Recruiting::result_of(Program& program) {
  Outcome run{program.wait(), nullptr};
  const std::string text = results.read("summary.json");
  if (!text.empty()) run.summary = nlohmann::json::parse(text);
  results.write("summary.json", "");
  return run;
}

Outcome Recruiting::run(const std::vector<std::string>& arguments) {
  Program program(with_places(arguments));
  return result_of(program);
}

Outcome Recruiting::apply(const std::string& projection, std::vector<std::string> more) {
  more.insert(more.begin(), {"--projection", projection, "--mode", "APPLY"});
  return run(more);
}

Outcome Recruiting::dry_run(const std::string& projection, std::vector<std::string> more) {
  more.insert(more.begin(), {"--projection", projection, "--mode", "DRY_RUN"});
  return run(more);
}

std::string Recruiting::store_that_waits_at(std::uint64_t number) {
  // Counting the events does not look at payloads, as long as the function is not declared volatile, which would have
  // the server call it all the same.
  database.execute(
      "CREATE FUNCTION waiting(payload jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS"
      " 'BEGIN PERFORM pg_advisory_lock(42); PERFORM pg_advisory_unlock(42); RETURN payload; END'");
  return results.write("waiting.toml",
                       "from = \"\"\"(SELECT event_id, ts, event_type, aggregate_id, CASE WHEN event_id = '" +
                           event_id(number) +
                           "' THEN public.waiting(payload) ELSE payload END AS payload FROM public.event_store)\"\"\"\n"
                           "order = [\"ts\", \"event_id\"]\nevent_id = \"event_id\"\nts = \"ts\"\n"
                           "type = \"event_type\"\nstream_id = \"aggregate_id\"\npayload = \"payload\"\n");
}

std::string Recruiting::differing_sql(const std::string& projection, const std::string& condition) {
  return "WITH want AS (" + wanted_rows(projection, condition) +
         ") SELECT (SELECT count(*) FROM (TABLE want EXCEPT ALL TABLE " + projection +
         ") AS missing) + (SELECT count(*) FROM (TABLE " + projection + " EXCEPT ALL TABLE want) AS surplus)";
}

std::string Recruiting::differing(const std::string& projection, const std::string& condition) {
  return database.value(differing_sql(projection, condition));
}

std::string Recruiting::differing_up_to_checkpoint(const std::string& projection) {
  return differing(projection,
                   "(ts, event_id) <= (SELECT position[1]::timestamptz, position[2]::uuid FROM"
                   " rebuild_projection.rebuild_checkpoints WHERE projection_name = '" +
                       projection + "')");
}

std::string Recruiting::checkpoint(const std::string& columns, const std::string& projection) {
  return database.value("SELECT " + columns + " FROM rebuild_projection.rebuild_checkpoints WHERE projection_name = '" +
                        projection + "'");
}

std::string Recruiting::everything() {
  std::string result = database.store_digest();
  for (const std::string& relation :
       database.rows("SELECT format('%I.%I', n.nspname, c.relname), c.relkind FROM pg_class c"
                     " JOIN pg_namespace n ON n.oid = c.relnamespace"
                     " WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1")) {
    result += "\n" + relation;
    if (relation.ends_with("|r") || relation.ends_with("|p"))
      result += " " + database.value(
                          "SELECT coalesce(md5(string_agg((t.*)::text || t.tableoid || t.xmin || t.ctid, ' '"
                          " ORDER BY t.tableoid, t.ctid)), '') FROM " +
                          relation.substr(0, relation.size() - 2) + " t");
  }
  return result;
}

bool Recruiting::wait_until(const std::string& condition) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (database.value("SELECT " + condition +
                        " FROM pg_stat_activity WHERE datname = current_database()"
                        " AND application_name LIKE 'rebuild\\_projection/%'") != "t") {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

bool Recruiting::wait_until_blocked() {
  return wait_until("count(*) FILTER (WHERE wait_event_type = 'Lock') > 0");
}

bool Recruiting::wait_until_at_fence(const std::string& asks) {
  return wait_until("count(*) FILTER (WHERE query ~ '" + asks + "') > 0");
}

bool Recruiting::wait_until_gone() {
  return wait_until("count(*) = 0");
}

}  // namespace rebuild_projection::test
