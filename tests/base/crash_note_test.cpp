// What a crash leaves: version, place and last lines, and the signal for whoever started the
// program.
#include "base/host/crash_note.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace titan;

namespace {

class Folder {
 public:
  Folder()
      : path(std::filesystem::temp_directory_path() /
             ("titan-crash-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  const std::filesystem::path path;
};

// A program that logs some lines and crashes: the signal it died of.
int crash(const Folder& folder, int lines, int number) {
  const pid_t child = ::fork();
  if (child == 0) {
    leave_crash_notes(folder.path, "titan-pos", "1.2.3");
    for (int i = 1; i <= lines; ++i) {
      remember_for_crash_note("line " + std::to_string(i) + "\n");
    }
    ::raise(number);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a crash leaves a note and dies of its signal", "[crash]") {
  for (const int number : {SIGSEGV, SIGABRT}) {
    const Folder folder;
    CHECK(crash(folder, 3, number) == number);
    const auto notes = take_new_crash_notes(folder.path);
    REQUIRE(notes.size() == 1);
    const std::string note = text_of(notes.front());
    INFO(note);
    CHECK(note.starts_with("titan-pos 1.2.3\n"));
    CHECK(note.find(number == SIGSEGV ? "ended by SIGSEGV" : "ended by SIGABRT") !=
          std::string::npos);
    CHECK(note.find("line 1\nline 2\nline 3\n") != std::string::npos);
    CHECK(take_new_crash_notes(folder.path).empty());  // told once
  }
}

TEST_CASE("the last lines are kept, however many and long", "[crash]") {
  const Folder folder;
  REQUIRE(crash(folder, 1000, SIGSEGV) == SIGSEGV);
  const std::string note = text_of(take_new_crash_notes(folder.path).front());
  CHECK(note.ends_with("line 999\nline 1000\n"));
  CHECK(note.find("line 900\n") == std::string::npos);
  remember_for_crash_note(std::string(100'000, 'x'));  // cut, and no harm
}

TEST_CASE("of many crashes the last notes are kept", "[crash]") {
  const Folder folder;
  for (int i = 0; i < 9; ++i) {
    std::ofstream(folder.path / ("crash-170000000" + std::to_string(i) + ".txt")) << "old\n";
  }
  REQUIRE(crash(folder, 1, SIGSEGV) == SIGSEGV);
  std::size_t kept = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.path)) {
    kept += file.path().extension() == ".txt" ? 1 : 0;
  }
  CHECK(kept == crash_notes_max + 1);
}
