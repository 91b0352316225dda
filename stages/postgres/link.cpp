#include "stages/postgres/link.h"

namespace rebuild_projection {

#if PQXX_VERSION_MAJOR >= 7

class Link::Connection : public pqxx::connection {
 public:
  explicit Connection(RawConnection connected) : Connection(connected.release()) {}
  [[nodiscard]] pg_conn* raw() const { return raw_; }

 private:
  explicit Connection(pg_conn* raw) : pqxx::connection(seize_raw_connection(raw)), raw_(raw) {}
  pg_conn* raw_;
};

namespace {
pqxx::params bound(const Link::Parameters& parameters) {
  pqxx::params result;
  result.reserve(parameters.size());
  for (const auto& parameter : parameters) {
    if (parameter)
      result.append(pqxx::zview(*parameter));  // not copied
    else
      result.append();
  }
  return result;
}
}  // namespace

pqxx::result Link::execute(const std::string& sql, const Parameters& parameters) {
  return statements_->exec(sql, bound(parameters));
}

pqxx::result Link::execute_prepared(const std::string& name, const Parameters& parameters) {
  return statements_->exec(pqxx::prepped{name}, bound(parameters));
}

#else

namespace {
/// Hands libpqxx a connection that is made already, and keeps what it hides.
class KnownConnection : public pqxx::connect_direct {
 public:
  explicit KnownConnection(pg_conn* raw) : connect_direct(""), raw_(raw) {}
  handle do_startconnect(handle) override { return raw_; }
  [[nodiscard]] pg_conn* raw() const { return raw_; }

 private:
  handle raw_ = nullptr;
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
/// Once it is lost.
void stays_closed(pqxx::connection_base& connection) {
  connection.inhibit_reactivation(true);
}
#pragma GCC diagnostic pop

}  // namespace

class Link::Connection : public pqxx::connection_base {
 public:
  explicit Connection(RawConnection connected) : connection_base(policy_), policy_(connected.release()) {
    init();
    stays_closed(*this);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(); }
  [[nodiscard]] pg_conn* raw() const { return policy_.raw(); }

 private:
  KnownConnection policy_;
};

namespace {
std::vector<const char*> bound(const Link::Parameters& parameters) {
  std::vector<const char*> result;
  result.reserve(parameters.size());
  for (const auto& parameter : parameters) result.push_back(parameter ? parameter->c_str() : nullptr);
  return result;
}
}  // namespace

pqxx::result Link::execute(const std::string& sql, const Parameters& parameters) {
  return statements_->exec_params(sql, pqxx::prepare::make_dynamic_params(bound(parameters)));
}

pqxx::result Link::execute_prepared(const std::string& name, const Parameters& parameters) {
  return statements_->exec_prepared(name, pqxx::prepare::make_dynamic_params(bound(parameters)));
}

#endif

Link::Link(RawConnection connected)
    : connection_(std::make_unique<Connection>(std::move(connected))),
      statements_(std::make_unique<pqxx::nontransaction>(*connection_)) {}

Link::~Link() = default;

pqxx::result Link::execute(const std::string& sql) {
  return statements_->exec(sql);
}

void Link::prepare(const std::string& name, const std::string& sql) {
  connection_->prepare(name, sql);
}

bool Link::is_open() const {
  return connection_->is_open();
}

pg_conn* Link::raw() const {
  return connection_->raw();
}

}  // namespace rebuild_projection
