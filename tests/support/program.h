#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace rebuild_projection::test {

/// The built program, run as a process of its own: exit codes, streams and signals as a person at the terminal has
/// them.
class Program {
 public:
  struct Result {
    int exit_code = -1;  ///< 128 + signal where one ended it
    std::string out;
    std::string err;
    long peak_memory_kib = 0;  ///< resident
  };

  /// Starts it; stdin is closed. `environment` is added to this process's. Of its address space it gets as many bytes
  /// as are said; 0 is no limit.
  explicit Program(const std::vector<std::string>& arguments,
                   const std::map<std::string, std::string>& environment = {}, std::size_t address_space_max = 0);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();  ///< kills it if it still runs

  void signal(int number) const;
  [[nodiscard]] int pid() const { return pid_; }
  /// Waits for its end, so long at the most (then it is killed and the exit code is 137).
  Result wait(std::chrono::seconds patience = std::chrono::seconds(60));

  static Result run(const std::vector<std::string>& arguments,
                    const std::map<std::string, std::string>& environment = {}) {
    return Program(arguments, environment).wait();
  }

 private:
  int pid_ = -1;
  int out_ = -1, err_ = -1;
};

/// A folder of its own under the system's temporary one, removed at the end.
class Folder {
 public:
  Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& name) const;

 private:
  std::string path_;
};

}  // namespace rebuild_projection::test
