#include "base/host/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/host/crash_note.h"
#include "base/host/log_format.h"
#include "base/printable.h"

namespace titan {
namespace {

int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return LOG_CRIT;
    case spdlog::level::err:
      return LOG_ERR;
    case spdlog::level::warn:
      return LOG_WARNING;
    case spdlog::level::info:
      return LOG_INFO;
    default:
      return LOG_DEBUG;
  }
}

// systemd says so itself: the device and inode of what it connected to standard error.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat facts {};
  unsigned long long device = 0;
  unsigned long long inode = 0;
  return stream && std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
         ::fstat(STDERR_FILENO, &facts) == 0 && facts.st_dev == device && facts.st_ino == inode;
}

// The native protocol of systemd's journal (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram a
// line of the log, "FIELD=value" each on a line. Sent without waiting: a journal that is stuck on a
// dying disk loses lines, where the library's sd_journal_sendv() would stop the thread that logs,
// and with it the till.
class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit JournalSink(const LogSettings& settings)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    address_.sun_family = AF_UNIX;
    std::strncpy(address_.sun_path, journal_socket, sizeof address_.sun_path - 1);
    add_field("SYSLOG_IDENTIFIER", settings.program);
    for (const auto& [name, value] : settings.fields) add_field(name, value);
  }
  ~JournalSink() override {
    if (socket_ >= 0) ::close(socket_);
  }

 private:
  // No value may begin a line of its own.
  void add_field(const std::string& name, const std::string& value) {
    fields_ += name + "=" + printable(value) + "\n";
  }

  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string text = printable({message.payload.data(), message.payload.size()});
    if (text.size() > message_bytes_max) text.resize(message_bytes_max);
    if (lost_ > 0) text += " (" + std::to_string(lost_) + " lines before were lost)";
    const std::string datagram = "MESSAGE=" + text +
                                 "\nPRIORITY=" + std::to_string(priority_of(message.level)) + "\n" +
                                 fields_;
    const ssize_t sent =
        ::sendto(socket_, datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
    lost_ = sent < 0 ? lost_ + 1 : 0;
  }
  void flush_() override {}

  static constexpr const char* journal_socket = "/run/systemd/journal/socket";
  static constexpr std::size_t message_bytes_max = 32 * 1024;

  const int socket_;
  sockaddr_un address_{};
  std::string fields_;
  std::uint64_t lost_ = 0;  // since the last one that went through
};

class CrashNoteSink final : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    remember_for_crash_note({line.data(), line.size()});
  }
  void flush_() override {}
};

}  // namespace

Status set_up_log(const LogSettings& settings) {
  const auto format = [&](const char* colour_begin, const char* colour_end) {
    return make_log_format(settings.time_format + " " + colour_begin + "%l" + colour_end + " %v");
  };
  spdlog::sink_ptr sink;
  try {
    if (!settings.file.empty()) {
      sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings.file);
    } else if (stderr_is_journal()) {
      sink = std::make_shared<JournalSink>(settings);
    } else {
      sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
    }
  } catch (const spdlog::spdlog_ex& error) {
    return make_error(ErrorCode::io, "the log file " + settings.file +
                                         " cannot be written ([log] file): " + error.what());
  }
  sink->set_formatter(format("%^", "%$"));
  auto last_lines = std::make_shared<CrashNoteSink>();
  last_lines->set_formatter(format("", ""));
  auto logger = std::make_shared<spdlog::logger>(
      settings.program, spdlog::sinks_init_list{std::move(sink), std::move(last_lines)});
  logger->set_level(spdlog::level::from_str(settings.level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return {};
}

}  // namespace titan
