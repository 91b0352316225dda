// Without this a program with projectors of its own could lose them between its command line and the rebuild, or let a
// projection file stand in for one of them.
#include "tools/run.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/database.h"
#include "tests/support/program.h"

namespace rebuild_projection {
namespace {

using test::Database;
using test::Folder;
using testing::AllOf;
using testing::HasSubstr;

class Notes : public Projector {
 public:
  explicit Notes(const std::string& column = "n")
      : Projector({.name = "notes",
                   .version = 7,
                   .table = "counts",
                   .key = {"id"},
                   .columns = {{column, Operation::add}},
                   .events = {"noted"}}) {}
  void handle(const Event& event, Changes& changes) const override { changes.upsert({event.stream_id()}).add("n", 1); }
};

/// run() as main calls it, in a process of its own: it blocks signals and sets the default logger.
test::Program::Result run_with(std::unique_ptr<Projector> projector, std::vector<std::string> arguments) {
  const Folder streams;
  ProjectorRegistry registry;
  registry.add(std::move(projector));
  arguments.insert(arguments.begin(), "own_program");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const std::string out = streams.path() + "/out", err = streams.path() + "/err";
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    ::_exit(run(static_cast<int>(arguments.size()), argv.data(), registry));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, streams.read("out"), streams.read("err")};
}

class OwnProgram : public testing::Test {
 protected:
  OwnProgram() {
    database.create_event_store();
    database.execute("CREATE TABLE counts (id text PRIMARY KEY, n integer); INSERT INTO counts VALUES ('old', 1)");
  }

  test::Program::Result run(std::vector<std::string> arguments, std::unique_ptr<Projector> projector) {
    arguments.insert(arguments.end(), {"--dsn", database.dsn(), "--projections", files.path()});
    return run_with(std::move(projector), std::move(arguments));
  }
  test::Program::Result run(std::vector<std::string> arguments) {
    return run(std::move(arguments), std::make_unique<Notes>());
  }

  void write_file(const std::string& name) {
    files.write("file.toml", "name = \"" + name +
                                 "\"\ntable = \"counts\"\nkey = [\"id\"]\n[[on]]\nevent = \"noted\"\n"
                                 "key = { id = \"@stream_id\" }\nset = { n = 1 }\n");
  }

  Database database;
  Folder files;
};

TEST_F(OwnProgram, ListsItsProjectorsBesideFiles) {
  write_file("from_file");
  const auto result = run({"--list"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("notes       counts  7        (part of this program)\n"));
  EXPECT_THAT(result.out, HasSubstr("from_file   counts  1        " + files.path() + "/file.toml\n"));
}

TEST_F(OwnProgram, KnowsNoExamples) {
  const auto result = run_with(std::make_unique<Notes>(), {"--list"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("(part of this program)"));
  EXPECT_THAT(result.out, testing::Not(HasSubstr("candidate_summary")));
}

TEST_F(OwnProgram, ChecksItsProjectors) {
  const auto result = run({"--projection", "notes", "--check"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("projection notes: table public.counts, (part of this program)\n"));
}

TEST_F(OwnProgram, RefusesAFileOfAProjectorsName) {
  write_file("notes");
  for (const char* mode : {"DRY_RUN", "APPLY"}) {
    const auto result = run({"--projection", "notes", "--mode", mode});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("file.toml: the name notes is taken by a projector of the program"));
  }
  EXPECT_EQ(database.value("SELECT id FROM counts"), "old");
}

TEST_F(OwnProgram, RefusesADeclarationThatDoesNotFit) {
  const auto result = run({"--projection", "notes", "--mode", "APPLY"}, std::make_unique<Notes>("m"));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("error"), HasSubstr("projector notes: the table counts has no column \"m\"")));
  EXPECT_EQ(database.value("SELECT id FROM counts"), "old");
}

TEST_F(OwnProgram, NamesItsProjectorsWhereOneIsUnknown) {
  const auto result = run({"--projection", "note", "--mode", "DRY_RUN"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("There is no projection named \"note\"; there are: notes."));
}

}  // namespace
}  // namespace rebuild_projection
