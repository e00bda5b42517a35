#include "base/host/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
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

// A full or absent journal loses a line, never the program.
class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit JournalSink(const LogSettings& settings) {
    fields_.push_back("SYSLOG_IDENTIFIER=" + settings.program);
    for (const auto& [name, value] : settings.fields) fields_.push_back(name + "=" + value);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string text =
        "MESSAGE=" + printable({message.payload.data(), message.payload.size()});
    const std::string priority = "PRIORITY=" + std::to_string(priority_of(message.level));
    std::vector<iovec> parts;
    const auto add = [&](const std::string& field) {
      parts.push_back({const_cast<char*>(field.data()), field.size()});
    };
    add(text);
    add(priority);
    for (const std::string& field : fields_) add(field);
    ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
  }
  void flush_() override {}

  std::vector<std::string> fields_;
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
