#pragma once

#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "stages/postgres/connecting.h"

namespace rebuild_projection {

/// A connection of libpqxx over one of libpq, and the statements on it. The only place that meets the differences
/// between libpqxx 6 and 7. One thread at a time; throws what libpqxx throws.
class Link {
 public:
  /// `connected` can be used.
  explicit Link(RawConnection connected);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link();

  /// Parameters are texts; nullopt is NULL.
  using Parameters = std::vector<std::optional<std::string>>;
  pqxx::result execute(const std::string& sql);
  pqxx::result execute(const std::string& sql, const Parameters& parameters);
  /// PREPARE is sent at the first use in libpqxx 6 and at once in 7; an error of the statement surfaces in either case.
  void prepare(const std::string& name, const std::string& sql);
  pqxx::result execute_prepared(const std::string& name, const Parameters& parameters);

  /// False once it is known to be lost.
  [[nodiscard]] bool is_open() const;
  /// libpq's connection, for what libpqxx cannot do.
  [[nodiscard]] pg_conn* raw() const;

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
  /// One for the connection's life: libpqxx 6 reconnects silently when a transaction object is made on a broken
  /// connection, and session state and locks would be gone. BEGIN and COMMIT are statements of ours.
  std::unique_ptr<pqxx::nontransaction> statements_;
};

}  // namespace rebuild_projection
