#include "tests/support/database.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <pqxx/pqxx>
#include <stdexcept>

#include "tests/support/hostile_names.h"
#include "tests/support/hostile_settings.h"

namespace rebuild_projection::test {

namespace {

std::string maintenance_dsn() {
  if (std::getenv("PGHOST") == nullptr)
    throw std::runtime_error(
        "these tests need a PostgreSQL server: run ./tools/test, or tools/private_postgres run ctest …");
  return "dbname=postgres";
}

void run_alone(const std::string& sql) {
  pqxx::connection connection(maintenance_dsn());
  pqxx::nontransaction statements(connection);
  statements.exec(sql);
}

/// Of the server that libpq's environment names when it is first asked for.
const ServerSettings& server_settings() {
  static const ServerSettings names = [] {
    ServerSettings all;
    pqxx::connection connection(maintenance_dsn());
    pqxx::nontransaction statements(connection);
    for (const auto& row : statements.exec("SELECT name FROM pg_settings")) all.insert(row[0].c_str());
    return all;
  }();
  return names;
}

}  // namespace

struct Database::Link {
  explicit Link(const std::string& dsn) : connection(dsn) {}
  pqxx::connection connection;
};

Database::Database(const std::string& options) {
  static std::atomic<int> count{0};
  name_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(++count);
  run_alone("CREATE DATABASE " + name_ + " TEMPLATE template0 " + options);
  if (settings_are_hostile()) make_hostile();
  link_ = std::make_unique<Link>(own_dsn());
}

Database::~Database() {
  link_.reset();
  try {
    run_alone("DROP DATABASE " + name_ + " WITH (FORCE)");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "test database %s is left behind: %s\n", name_.c_str(), error.what());
  }
}

void Database::make_hostile() {
  run_alone(hostile_settings_of(name_, server_settings()));
}

void Database::reconnect() {
  link_ = std::make_unique<Link>(own_dsn());
}

std::string Database::own_dsn(const std::string& role) const {
  return dsn(role) + usual_settings(server_settings());
}

std::string Database::dsn(const std::string& role) const {
  return "dbname=" + name_ + (role.empty() ? "" : " user=" + role);
}

void Database::execute(const std::string& sql) {
  pqxx::work work(link_->connection);
  work.exec(hostile_sql(sql));
  work.commit();
}

std::vector<std::string> Database::rows(const std::string& sql) {
  pqxx::work work(link_->connection);
  std::vector<std::string> result;
  for (const auto& row : work.exec(hostile_sql(sql))) {
    std::string line;
    for (const auto& field : row) line += std::string(field.is_null() ? "NULL" : field.c_str()) + "|";
    if (!line.empty()) line.pop_back();
    result.push_back(std::move(line));
  }
  work.commit();
  return result;
}

std::string Database::value(const std::string& sql) {
  const auto all = rows(sql);
  return all.empty() ? "" : all.front();
}

void Database::create_event_store() {
  execute(
      "CREATE TABLE event_store (event_id uuid PRIMARY KEY, ts timestamptz NOT NULL, event_type text NOT NULL,"
      " aggregate_id text, payload jsonb); CREATE INDEX ON event_store (ts, event_id)");
}

std::string event_id(std::uint64_t number) {
  char text[40];
  std::snprintf(text, sizeof text, "00000000-0000-0000-0000-%012llx", static_cast<unsigned long long>(number));
  return text;
}

void Database::append(std::uint64_t number, std::uint64_t seconds, const std::string& type,
                      const std::string& stream_id, const std::string& payload) {
  auto quote = [this](const std::string& text) { return link_->connection.quote(text); };
  execute("INSERT INTO event_store VALUES (" + quote(event_id(number)) + ", timestamptz '2025-01-01Z' + " +
          std::to_string(seconds) + " * interval '1 second', " + quote(type) + ", " + quote(stream_id) + ", " +
          quote(payload) + ")");
}

std::string Database::store_digest() {
  return value(
      "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5((e.*)::text || xmin || ' ' || xmax || ' ' || ctid), '' "
      "ORDER "
      "BY"
      " event_id)), '') FROM event_store e");
}

std::string Database::digest(const std::string& table) {
  return value(
      "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5((t.*)::text), '' ORDER BY md5((t.*)::text))), '') FROM " +
      table + " t");
}

}  // namespace rebuild_projection::test
