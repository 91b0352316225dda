#pragma once

#include <sys/types.h>

#include <string>

namespace rebuild_projection::test {

/// A PostgreSQL server of one test, which may stop it: libpq's environment leads there while this lives. Make it before
/// anything that connects. It goes with the test, however that ends.
class OwnServer {
 public:
  /// `settings` are the name of a file of lines for postgresql.conf, or empty.
  explicit OwnServer(const std::string& settings = "");
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;
  ~OwnServer();

  /// As pg_ctl stop -m does: "fast" or "immediate".
  void stop(const std::string& mode) const;
  void start() const;
  /// Its socket's folder, which PGHOST names, and that of its files.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// Starts a standby of it, which goes with it. Returns the PGHOST that leads there; port and databases are the same.
  [[nodiscard]] std::string start_standby() const;

 private:
  pid_t keeper_ = -1;  ///< tools/private_postgres, which removes the server when its standard input ends
  int keepers_in_ = -1;
  std::string folder_;
  std::string host_before_;
};

}  // namespace rebuild_projection::test
