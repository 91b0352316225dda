#pragma once

#include <optional>
#include <string>

#include "tests/support/own_server.h"
#include "tests/support/program.h"

namespace rebuild_projection::test {

/// A server that speaks TLS on 127.0.0.1, with a certificate of an authority of its own for the host
/// `right.example`, and asks role `guarded` for its password; through its socket everybody is let in. PGHOST and
/// PGPORT lead there while this lives.
class SecuredServer {
 public:
  SecuredServer();
  SecuredServer(const SecuredServer&) = delete;
  SecuredServer& operator=(const SecuredServer&) = delete;
  ~SecuredServer();

  /// Over the network, by the name of a host that is not looked up.
  [[nodiscard]] std::string dsn(const std::string& host) const;
  /// The certificate of the server's authority, and of another one.
  [[nodiscard]] std::string authority() const { return files_.path() + "/authority.crt"; }
  [[nodiscard]] std::string other_authority() const { return files_.path() + "/other.crt"; }

 private:
  Folder files_;
  std::string port_, port_before_;
  std::optional<OwnServer> server_;
};

}  // namespace rebuild_projection::test
