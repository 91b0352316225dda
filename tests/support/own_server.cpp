#include "tests/support/own_server.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace rebuild_projection::test {

namespace {

const std::string private_postgres = std::string(REBUILD_PROJECTION_TOOLS_DIR) + "/private_postgres";

void call(const std::string& arguments) {
  if (std::system(("'" + private_postgres + "' " + arguments).c_str()) != 0)
    throw std::runtime_error("tools/private_postgres " + arguments + " failed");
}

}  // namespace

OwnServer::OwnServer(const std::string& settings) {
  std::array<int, 2> in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  keeper_ = fork();
  if (keeper_ == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    std::vector<const char*> command{private_postgres.c_str()};
    if (!settings.empty()) command.insert(command.end(), {"--settings", settings.c_str()});
    command.insert(command.end(), {"run", "sh", "-c", "echo \"$PGHOST\"; exec cat", nullptr});
    execv(command.front(), const_cast<char* const*>(command.data()));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  keepers_in_ = in[1];
  for (char character = '\0'; read(out[0], &character, 1) == 1 && character != '\n';) folder_ += character;
  close(out[0]);
  if (folder_.empty()) throw std::runtime_error("tools/private_postgres started no server");
  if (const char* host = std::getenv("PGHOST")) host_before_ = host;
  setenv("PGHOST", folder_.c_str(), 1);
}

OwnServer::~OwnServer() {
  setenv("PGHOST", host_before_.c_str(), 1);
  close(keepers_in_);
  waitpid(keeper_, nullptr, 0);
}

void OwnServer::stop(const std::string& mode) const {
  call("halt " + mode + " '" + folder_ + "'");
}

void OwnServer::start() const {
  call("again '" + folder_ + "'");
}

std::string OwnServer::start_standby() const {
  call("standby '" + folder_ + "' >/dev/null");
  return folder_ + "/standby";
}

}  // namespace rebuild_projection::test
