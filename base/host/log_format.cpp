#include "base/host/log_format.h"

#include <spdlog/pattern_formatter.h>

#include "base/printable.h"

namespace titan {
namespace {

class OneLineFormat final : public spdlog::formatter {
 public:
  explicit OneLineFormat(std::string pattern)
      : pattern_(std::move(pattern)), inner_(pattern_, spdlog::pattern_time_type::local) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    if (is_printable(text)) return inner_.format(message, line);
    const std::string safe = printable(text);
    spdlog::details::log_msg copy = message;
    copy.payload = spdlog::string_view_t(safe.data(), safe.size());
    inner_.format(copy, line);
    message.color_range_start = copy.color_range_start;
    message.color_range_end = copy.color_range_end;
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<OneLineFormat>(pattern_);
  }

 private:
  const std::string pattern_;
  spdlog::pattern_formatter inner_;
};

}  // namespace

std::unique_ptr<spdlog::formatter> make_log_format(const std::string& pattern) {
  return std::make_unique<OneLineFormat>(pattern);
}

}  // namespace titan
