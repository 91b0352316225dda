#include "tests/support/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/as_roles.h"
#include "tests/support/hostile_names.h"

namespace rebuild_projection::test {

namespace {

std::string program_path() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "rebuild_projection").string();
}

/// The arguments, as other roles where as_roles() says so.
std::vector<std::string> placed(std::vector<std::string> arguments) {
  const auto dsn = std::find(arguments.begin(), arguments.end(), "--dsn");
  if (dsn == arguments.end() || dsn + 1 == arguments.end()) return arguments;
  if (std::find(arguments.begin(), arguments.end(), "--source-dsn") != arguments.end()) return arguments;
  const auto meta_schema = std::find(arguments.begin(), arguments.end(), "--meta-schema");
  if (const auto roles =
          as_roles(*(dsn + 1), arguments.end() - meta_schema > 1 ? *(meta_schema + 1) : "rebuild_projection")) {
    *(dsn + 1) = roles->target;
    arguments.insert(dsn, {"--source-dsn", roles->source});
  }
  return arguments;
}

/// The arguments with the columns' names where those are hostile: in SQL, and in a store file instead of the preset.
std::vector<std::string> renamed(std::vector<std::string> arguments) {
  if (!with_hostile_names()) return arguments;
  const auto value_of = [&](const char* option) {
    const auto found = std::ranges::find(arguments, option);
    return found == arguments.end() || found + 1 == arguments.end() ? arguments.end() : found + 1;
  };
  if (const auto sql = value_of("--live-position"); sql != arguments.end()) *sql = hostile_sql(*sql);
  if (const auto key = value_of("--explain-row"); key != arguments.end())
    if (const std::size_t equals = key->find('='); equals != std::string::npos)
      *key = hostile_name(key->substr(0, equals)) + key->substr(equals);
  static const Folder folder;
  static const std::string usual_store =
      folder.write("store.toml",
                   "from = \"event_store\"\norder = [\"ts\", \"event_id\"]\nevent_id = \"event_id\"\nts = \"ts\"\n"
                   "type = \"event_type\"\nstream_id = \"aggregate_id\"\npayload = \"payload\"\n");
  if (const auto store = value_of("--store"); store != arguments.end()) {
    if (*store == "event_store") *store = usual_store;
  } else if (value_of("--dsn") != arguments.end()) {
    arguments.insert(arguments.end(), {"--store", usual_store});
  }
  return arguments;
}

}  // namespace

Program::Program(const std::vector<std::string>& given, const std::map<std::string, std::string>& environment,
                 std::size_t address_space_max) {
  const std::vector<std::string> arguments = placed(renamed(given));
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(err.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  const std::string path = program_path();
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    if (const rlimit most{address_space_max, address_space_max}; address_space_max > 0) setrlimit(RLIMIT_AS, &most);
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    execv(path.c_str(), argv.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

void Program::signal(int number) const {
  kill(pid_, number);
}

Program::Result Program::wait(std::chrono::seconds patience) {
  Result result;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::array<pollfd, 2> streams{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  std::array<std::string*, 2> texts{&result.out, &result.err};
  int open_streams = 2;
  while (open_streams > 0) {
    if (std::chrono::steady_clock::now() > deadline) kill(pid_, SIGKILL);
    poll(streams.data(), streams.size(), 100);
    for (std::size_t index = 0; index < streams.size(); ++index) {
      if (streams[index].fd < 0 || streams[index].revents == 0) continue;
      std::array<char, 65536> buffer;
      const ssize_t size = read(streams[index].fd, buffer.data(), buffer.size());
      if (size > 0) {
        texts[index]->append(buffer.data(), static_cast<std::size_t>(size));
      } else {
        streams[index].fd = -1;
        --open_streams;
      }
    }
  }
  int status = 0;
  rusage usage{};
  wait4(pid_, &status, 0, &usage);
  result.peak_memory_kib = usage.ru_maxrss;
  pid_ = -1;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "rebuild_projection_test_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& text) const {
  const std::string path = path_ + "/" + name;
  std::ofstream(path) << (name.ends_with(".toml") ? hostile_file(text) : text);
  return path;
}

std::string Folder::read(const std::string& name) const {
  std::stringstream text;
  text << std::ifstream(path_ + "/" + name).rdbuf();
  return text.str();
}

}  // namespace rebuild_projection::test
