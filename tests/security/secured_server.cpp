#include "tests/security/secured_server.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace rebuild_projection::test {

namespace {

void shell(const std::string& command) {
  if (std::system(("exec >/dev/null 2>&1; set -e; " + command).c_str()) != 0)
    throw std::runtime_error(command + " failed");
}

/// One that was free a moment ago.
std::string free_port() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("there is no free port");
  close(listener);
  return std::to_string(ntohs(address.sin_port));
}

}  // namespace

SecuredServer::SecuredServer() : port_(free_port()) {
  const std::string& folder = files_.path();
  files_.write(
      "hba",
      "local all all trust\nhostssl all guarded 127.0.0.1/32 scram-sha-256\nhostssl all all 127.0.0.1/32 trust\n");
  shell(
      "cd '" + folder + "'; chmod 755 ." +
      "; for who in authority other; do openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$who"
      " -addext basicConstraints=critical,CA:TRUE -keyout $who.key -out $who.crt; done"
      "; openssl req -newkey rsa:2048 -nodes -subj /CN=right.example -keyout server.key -out server.csr"
      "; echo subjectAltName=DNS:right.example >names"
      "; openssl x509 -req -in server.csr -CA authority.crt -CAkey authority.key -CAcreateserial -days 2 -extfile names"
      " -out server.crt; chmod 600 server.key"
      // As root the server runs as another user (tools/private_postgres), whatever root's umask is.
      "; chmod 644 hba server.crt"
      "; if [ $(id -u) = 0 ]; then chown postgres server.key || chown nobody server.key; fi");
  const std::string settings = files_.write(
      "settings", "listen_addresses = '127.0.0.1'\nport = " + port_ + "\nssl = on\nssl_cert_file = '" + folder +
                      "/server.crt'\nssl_key_file = '" + folder + "/server.key'\nhba_file = '" + folder + "/hba'\n");
  if (const char* port = std::getenv("PGPORT")) port_before_ = port;
  setenv("PGPORT", port_.c_str(), 1);
  server_.emplace(settings);
}

SecuredServer::~SecuredServer() {
  server_.reset();
  setenv("PGPORT", port_before_.c_str(), 1);
}

std::string SecuredServer::dsn(const std::string& host) const {
  return "host=" + host + " hostaddr=127.0.0.1 port=" + port_;
}

}  // namespace rebuild_projection::test
