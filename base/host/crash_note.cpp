#include "base/host/crash_note.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <filesystem>

namespace titan {
namespace {

constexpr std::array fatal_signals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr std::size_t lines_kept = 64;
constexpr std::size_t line_bytes_max = 400;
constexpr int frames_max = 64;
constexpr std::string_view new_suffix = ".new.txt";
constexpr std::string_view suffix = ".txt";

// Everything the handler touches stands still before a crash: it may neither allocate nor lock.
struct Line {
  std::atomic<std::uint32_t> length{0};
  std::array<char, line_bytes_max> text{};
};
std::array<Line, lines_kept> lines;
std::atomic<std::size_t> lines_written{0};
std::array<char, 256> heading{};
std::array<char, 4096> folder_path{};
std::array<char, 64 * 1024> handler_stack{};
std::atomic_flag is_writing = ATOMIC_FLAG_INIT;
std::atomic<pid_t> writer{0};

void put(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Decimal or hexadecimal, in `buffer`, which it fills from its end.
std::string_view digits(std::uint64_t value, unsigned base, std::array<char, 24>& buffer) {
  std::size_t at = buffer.size();
  do {
    buffer[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  return {&buffer[at], buffer.size() - at};
}

std::string_view name_of(int number) {
  switch (number) {
    case SIGSEGV:
      return "SIGSEGV";
    case SIGBUS:
      return "SIGBUS";
    case SIGFPE:
      return "SIGFPE";
    case SIGILL:
      return "SIGILL";
    default:
      return "SIGABRT";
  }
}

int open_note(std::uint64_t now) {
  std::array<char, folder_path.size() + 64> path{};
  std::size_t at = 0;
  const auto append = [&](std::string_view text) {
    std::memcpy(&path[at], text.data(), text.size());
    at += text.size();
  };
  std::array<char, 24> number{};
  append(folder_path.data());
  append("/crash-");
  append(digits(now, 10, number));
  append(new_suffix);
  return ::open(path.data(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

void write_note(int signal_number, const siginfo_t& info) {
  const auto now = static_cast<std::uint64_t>(::time(nullptr));
  const int file = open_note(now);
  if (file < 0) return;
  std::array<char, 24> number{};
  put(file, heading.data());
  put(file, "\nended by ");
  put(file, name_of(signal_number));
  put(file, " at ");
  put(file, digits(now, 10, number));
  put(file, " seconds of UTC, address 0x");
  put(file, digits(reinterpret_cast<std::uintptr_t>(info.si_addr), 16, number));
  put(file, "\n\nwhere it was (addr2line with the package of debug symbols names the lines):\n");
  std::array<void*, frames_max> frames{};
  const int count = ::backtrace(frames.data(), frames_max);
  ::backtrace_symbols_fd(frames.data(), count, file);
  put(file, "\nthe last lines of its log:\n");
  const std::size_t written = lines_written.load();
  for (std::size_t i = written > lines_kept ? written - lines_kept : 0; i < written; ++i) {
    const Line& line = lines[i % lines_kept];
    put(file, {line.text.data(), line.length.load()});
  }
  ::fsync(file);
  ::close(file);
}

void on_crash(int signal_number, siginfo_t* info, void*) {
  // The first one counts: another thread that crashes meanwhile waits for its end, and a crash of
  // the writing itself ends it.
  if (!is_writing.test_and_set()) {
    writer = ::gettid();
    write_note(signal_number, *info);
  } else if (writer != ::gettid()) {
    for (;;) ::pause();
  }
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

std::vector<std::filesystem::path> notes_in(const std::string& folder) {
  std::vector<std::filesystem::path> notes;
  std::error_code failed;
  for (const auto& file : std::filesystem::directory_iterator(folder, failed)) {
    const std::string name = file.path().filename();
    if (name.starts_with("crash-") && name.ends_with(suffix)) notes.push_back(file.path());
  }
  std::sort(notes.begin(), notes.end());
  return notes;
}

}  // namespace

void leave_crash_notes(const std::string& folder, const std::string& program,
                       const std::string& version) {
  if (folder.size() >= folder_path.size()) return;
  std::memcpy(folder_path.data(), folder.data(), folder.size());
  const std::string title = program + " " + version;
  std::memcpy(heading.data(), title.data(), std::min(title.size(), heading.size() - 1));
  // The first call loads a library, which a handler must not do.
  void* frame = nullptr;
  ::backtrace(&frame, 1);
  // A stack of its own: the program's may be what ran out.
  const stack_t stack{handler_stack.data(), 0, handler_stack.size()};
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int number : fatal_signals) ::sigaction(number, &action, nullptr);
  auto notes = notes_in(folder);
  for (std::size_t i = 0; i + crash_notes_max < notes.size(); ++i) {
    std::error_code failed;
    std::filesystem::remove(notes[i], failed);
  }
}

void remember_for_crash_note(std::string_view text) {
  Line& line = lines[lines_written.load() % lines_kept];
  const std::size_t length = std::min(text.size(), line_bytes_max);
  std::memcpy(line.text.data(), text.data(), length);
  if (length == line_bytes_max) line.text[length - 1] = '\n';
  line.length.store(static_cast<std::uint32_t>(length));
  ++lines_written;
}

std::vector<std::string> take_new_crash_notes(const std::string& folder) {
  std::vector<std::string> told;
  for (const auto& note : notes_in(folder)) {
    std::string name = note.string();
    if (!name.ends_with(new_suffix)) continue;
    name.resize(name.size() - new_suffix.size());
    name += suffix;
    std::error_code failed;
    std::filesystem::rename(note, name, failed);
    told.push_back(failed ? note.string() : name);
  }
  return told;
}

}  // namespace titan
