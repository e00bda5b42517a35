// What becomes of a cluster that does not start: set aside only when it is the cluster's own fault.
#include "uplink/postgres/managed_postgres.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include "test_postgres.h"
#include "uplink/postgres/start_failure.h"

namespace fs = std::filesystem;
using namespace titan;
using titan::test::pause_ms;
using titan::test::TemporaryFolder;
using titan::uplink::is_fault_of_cluster;
using titan::uplink::ManagedPostgres;

namespace {

// A machine's installed versions, of which a test can take one away or break it.
class Installed {
 public:
  explicit Installed(const std::string& root) : root_(root) {
    const std::string real = *uplink::find_postgres_programs();
    version = std::stoi(fs::path(real).parent_path().filename());
    add(version, real);
  }
  std::string folder(int of) const { return root_ + "/" + std::to_string(of) + "/bin"; }
  // Its initdb and postgres; PostgreSQL finds the rest beside what the links name.
  void add(int of, const std::string& real) {
    fs::create_directories(folder(of));
    for (const char* program : {"initdb", "postgres"}) {
      fs::create_symlink(real + "/" + program, folder(of) + "/" + program);
    }
    postgres_ = real + "/postgres";
  }
  // In the place of `postgres`: one that says this and ends.
  void break_postgres(const std::string& says, int exit_code) {
    fs::remove(folder(version) + "/postgres");
    std::ofstream(folder(version) + "/postgres")
        << "#!/bin/sh\necho '" << says << "'\nexit " << exit_code << "\n";
    fs::permissions(folder(version) + "/postgres", fs::perms(0755));
  }
  void mend() {
    fs::remove(folder(version) + "/postgres");
    fs::create_symlink(postgres_, folder(version) + "/postgres");
  }

  int version = 0;

 private:
  const std::string root_;
  std::string postgres_;
};

struct Fixture {
  Fixture() {
    // The server's user passes through.
    fs::permissions(folder.path, fs::perms(0755));
  }
  void must_start() {
    const auto started = server.start();
    if (!started) FAIL(started.error().message);
  }
  // A file that only this cluster has.
  std::string mark() const { return folder.path + "/data/cluster/PG_VERSION.mark"; }

  TemporaryFolder folder;
  Installed installed{folder.path + "/installed"};
  ManagedPostgres server{folder.path + "/data", pause_ms, folder.path + "/installed"};
};

void write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
}

}  // namespace

TEST_CASE("a cluster of a version that is not installed is set aside, told and made anew") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  CHECK(fixture.server.take_notes().empty());
  write(fixture.folder.path + "/data/cluster/PG_VERSION", "13\n");
  write(fixture.mark(), "");
  fixture.must_start();
  CHECK_FALSE(fs::exists(fixture.mark()));
  CHECK(fs::exists(fixture.folder.path + "/data/of-version-13/PG_VERSION.mark"));
  const auto notes = fixture.server.take_notes();
  REQUIRE(notes.size() == 1);
  INFO(notes.front());
  CHECK(notes.front().find("PostgreSQL 13") != std::string::npos);
  CHECK(notes.front().find("of-version-13") != std::string::npos);
  CHECK(fixture.server.take_notes().empty());
}

TEST_CASE("who only looks into a cluster of another version sets it aside as well") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.folder.path + "/data/cluster/PG_VERSION", "13\n");
  CHECK(fixture.server.start_existing().has_error());
  CHECK_FALSE(fixture.server.has_cluster());
  CHECK(fixture.server.take_notes().size() == 1);
}

TEST_CASE("a cluster goes on with its own version while that is installed") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.mark(), "");
  const std::string real = *uplink::find_postgres_programs();
  fixture.installed.add(fixture.installed.version + 1, real);
  fixture.must_start();
  CHECK(fs::exists(fixture.mark()));
  CHECK(fixture.server.take_notes().empty());
}

TEST_CASE("a start that fails for want of room, memory or its program keeps the cluster") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.mark(), "");
  const auto fails = [&](const std::string& says, int exit_code) {
    INFO(says);
    fixture.installed.break_postgres(says, exit_code);
    const auto started = fixture.server.start();
    REQUIRE(started.has_error());
    CHECK(fs::exists(fixture.mark()));
    CHECK(fixture.server.take_notes().empty());
    fixture.installed.mend();
  };
  fails("FATAL:  could not write lock file \"postmaster.pid\": No space left on device", 1);
  fails("FATAL:  could not map anonymous shared memory: Cannot allocate memory", 1);
  fails("FATAL:  could not open file \"global/pg_filenode.map\": Permission denied", 1);
  fails("setpriv: failed to execute /usr/lib/postgresql/15/bin/postgres: No such file", 127);
  fixture.must_start();
  CHECK(fs::exists(fixture.mark()));
}

TEST_CASE("a program that is gone for a moment keeps the cluster") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.mark(), "");
  const std::string programs = fixture.installed.folder(fixture.installed.version);
  fs::rename(programs, programs + ".away");  // as while its package is upgraded
  CHECK(fixture.server.start().has_error());
  CHECK(fs::exists(fixture.mark()));
  fs::rename(programs + ".away", programs);
  fixture.must_start();
  CHECK(fs::exists(fixture.mark()));
}

TEST_CASE("a broken cluster is set aside, told and made anew") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.folder.path + "/data/cluster/global/pg_control", "not a control file");
  fixture.must_start();
  const auto notes = fixture.server.take_notes();
  REQUIRE(notes.size() == 1);
  INFO(notes.front());
  CHECK(notes.front().find("/broken") != std::string::npos);
  CHECK(fs::exists(fixture.folder.path + "/data/broken/PG_VERSION"));
}

TEST_CASE("a lock that a power cut left under a living stranger's number is no reason to fail") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.mark(), "");
  // A process of the server's own user: what PostgreSQL would take for another server.
  struct stat owner {};
  REQUIRE(::stat((fixture.folder.path + "/data/cluster").c_str(), &owner) == 0);
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    (void)!::setresuid(owner.st_uid, owner.st_uid, owner.st_uid);
    ::pause();
    ::_exit(0);
  }
  const std::string socket = fixture.folder.path + "/data/socket";
  const std::string name = "/.s.PGSQL.5432";
  write(socket + name, "");
  write(socket + name + ".lock",
        std::to_string(stranger) + "\n/nowhere\n0\n5432\n" + socket + "\n");
  ::chown((socket + name + ".lock").c_str(), owner.st_uid, owner.st_gid);
  fixture.must_start();
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
  CHECK(fs::exists(fixture.mark()));
  CHECK(fixture.server.take_notes().empty());
}

TEST_CASE("a cluster that never served does not take the place of the one that was set aside") {
  Fixture fixture;
  fixture.must_start();
  fixture.server.stop();
  write(fixture.mark(), "");
  for (int start = 0; start < 3; ++start) {
    fixture.installed.break_postgres("FATAL:  a reason that nobody has seen yet", 1);
    CHECK(fixture.server.start().has_error());
    CHECK(fs::exists(fixture.folder.path + "/data/broken/PG_VERSION.mark"));
  }
  CHECK(fixture.server.take_notes().size() == 1);
  fixture.installed.mend();
  fixture.must_start();
}

TEST_CASE("whose fault an end is") {
  const auto exited = [](int code) { return code << 8; };
  CHECK(is_fault_of_cluster(exited(1), "PANIC:  could not locate a valid checkpoint record"));
  CHECK(is_fault_of_cluster(exited(1), "FATAL:  database files are incompatible with server"));
  CHECK(is_fault_of_cluster(6, "PANIC:  invalid page"));  // aborted
  CHECK_FALSE(is_fault_of_cluster(9, ""));                // killed: by the kernel, for memory
  CHECK_FALSE(is_fault_of_cluster(15, ""));
  CHECK_FALSE(is_fault_of_cluster(exited(127), ""));
  CHECK_FALSE(
      is_fault_of_cluster(exited(1), "FATAL:  lock file \"/x/.s.PGSQL.5432.lock\" already exists"));
  CHECK_FALSE(is_fault_of_cluster(6, "PANIC:  could not write to file: No space left on device"));
  CHECK_FALSE(
      is_fault_of_cluster(exited(1), "FATAL:  could not write file: Read-only file system"));
  CHECK_FALSE(is_fault_of_cluster(exited(1), "LOG:  could not bind: Too many open files"));
}
