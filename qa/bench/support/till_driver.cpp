#include "qa/bench/support/till_driver.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "qa/bench/support/goods.h"
#include "qa/bench/support/program.h"

namespace titan::bench {
namespace {

constexpr std::size_t journal_text_bytes = 32;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::string sale_json(const std::string& idempotency_key, std::uint64_t sale) {
  std::string json =
      R"({"idempotency_key":")" + idempotency_key + R"(","cashier":"c-07","lines":[)";
  for (int line = 0; line < lines_per_sale; ++line) {
    char text[64];
    const auto product =
        static_cast<int>((sale * 7 + static_cast<std::uint64_t>(line) * 31) % products_for_sale);
    std::snprintf(text, sizeof text, R"(%s{"sku":"B%04d","quantity":"1"})", line > 0 ? "," : "",
                  product);
    json += text;
  }
  return json + "]}";
}

TillDriver::TillDriver(Poller& poller, std::vector<TillAddress> tills, std::string key_prefix)
    : poller_(poller), addresses_(std::move(tills)), key_prefix_(std::move(key_prefix)) {
  tills_.resize(addresses_.size());
}

void TillDriver::listen(std::size_t till) {
  tills_[till].events = std::make_unique<EventConnection>(
      poller_, addresses_[till], [this, till](std::string_view text, std::int64_t at_ns) {
        on_event(tills_[till], text, at_ns);
      });
}

// ---- selling -----------------------------------------------------------------------------------

void TillDriver::sell_paced(std::size_t till, double per_second) {
  loads_.push_back({till, per_second, now_ns(), 0, paced_connections_max});
}

void TillDriver::sell_flat_out(std::size_t till, std::size_t connections) {
  loads_.push_back({till, 0, now_ns(), 0, connections});
}

void TillDriver::stop_selling() {
  loads_.clear();
}

std::int64_t TillDriver::next_due_ns(const Load& load) const {
  return load.start_ns +
         static_cast<std::int64_t>(static_cast<double>(load.posted) * 1e9 / load.per_second);
}

void TillDriver::turn(std::int64_t deadline_ns) {
  post_due();
  for (const Load& load : loads_) {
    if (load.per_second > 0) deadline_ns = std::min(deadline_ns, next_due_ns(load));
  }
  poller_.turn(deadline_ns);
  post_due();
}

void TillDriver::post_due() {
  for (Load& load : loads_) {
    for (;;) {
      const std::int64_t due_ns = load.per_second > 0 ? next_due_ns(load) : 0;
      if (load.per_second > 0 && due_ns > now_ns()) break;
      HttpConnection* connection = free_connection(load);
      if (connection == nullptr) break;
      post(load, due_ns, *connection);
      ++load.posted;
    }
  }
}

HttpConnection* TillDriver::free_connection(const Load& load) {
  auto& connections = tills_[load.till].connections;
  std::erase_if(connections, [](const auto& connection) { return connection->closed(); });
  std::size_t busy = 0;
  HttpConnection* idle = nullptr;
  for (const auto& connection : connections) {
    if (connection->busy()) {
      ++busy;
    } else if (idle == nullptr) {
      idle = connection.get();
    }
  }
  if (busy >= load.connections_max) return nullptr;
  if (idle != nullptr) return idle;
  connections.push_back(std::make_unique<HttpConnection>(poller_, addresses_[load.till]));
  return connections.back().get();
}

void TillDriver::post(const Load& load, std::int64_t due_ns, HttpConnection& connection) {
  ++started_;
  const std::string key =
      key_prefix_ + "-" + std::to_string(load.till) + "-" + std::to_string(started_);
  // The wake-up of this program is not the till's doing, being without a free connection is.
  const bool late = due_ns > 0 && now_ns() - due_ns > 20'000'000;
  connection.post(
      "/v1/sales", sale_json(key, started_),
      [this, start = late ? due_ns : 0](const HttpAnswer& answer) { on_answer(answer, start); });
}

void TillDriver::on_answer(const HttpAnswer& answer, std::int64_t due_ns) {
  Sale sale;
  if (answer.status != 201 || !read_place(answer.body, sale.place)) {
    fail("a till refused a sale with status " + std::to_string(answer.status) + ": " +
         std::string(answer.body.substr(0, 500)));
  }
  sale.started_ns = due_ns > 0 ? due_ns : answer.started_ns;
  sale.answered_ns = answer.answered_ns;
  sales_.push_back(sale);
}

// ---- watching ----------------------------------------------------------------------------------

// {… "id":"<journal>:<number>" …}
bool TillDriver::read_place(std::string_view text, Place& place) {
  static constexpr std::string_view field = R"("id":")";
  const std::size_t at = text.find(field);
  if (at == std::string_view::npos) return false;
  const std::string_view id = text.substr(at + field.size());
  if (id.size() < journal_text_bytes + 2) return false;
  const std::string_view journal = id.substr(0, journal_text_bytes);
  auto known = journals_.find(journal);
  if (known == journals_.end()) {
    known = journals_.emplace(journal, static_cast<std::uint32_t>(journals_.size())).first;
  }
  place.journal = known->second;
  const char* number = id.data() + journal_text_bytes + 1;
  return std::from_chars(number, id.data() + id.size(), place.number).ec == std::errc();
}

void TillDriver::on_event(Till& till, std::string_view text, std::int64_t at_ns) {
  if (text.starts_with(R"({"type":"stock")")) return;
  if (text.starts_with(R"({"type":"sale")")) {
    Place place;
    if (!read_place(text, place)) fail("a sale's event has no id: " + std::string(text));
    if (till.seen.size() <= place.journal) till.seen.resize(place.journal + 1);
    auto& numbers = till.seen[place.journal];
    if (numbers.size() <= place.number) numbers.resize(2 * place.number + 1);
    if (numbers[place.number] == 0) numbers[place.number] = at_ns;
  } else if (text.starts_with(R"({"type":"member")")) {
    if (contains(text, R"("state":"dead")")) ++members_dead_;
  } else if (text.starts_with(R"({"type":"leader")")) {
    ++leaders_changed_;
  } else if (text.starts_with(R"({"type":"alarm")")) {
    if (!contains(text, R"("code":"reorder")")) ++alarms_;
  }
}

boost::json::object TillDriver::told() const {
  return {{"dead", members_dead_}, {"leader", leaders_changed_}, {"alarm", alarms_}};
}

std::int64_t TillDriver::seen_at(const Till& till, const Place& place) const {
  if (till.seen.size() <= place.journal) return 0;
  const auto& numbers = till.seen[place.journal];
  return numbers.size() <= place.number ? 0 : numbers[place.number];
}

bool TillDriver::all_seen(std::size_t first, std::size_t last) {
  for (std::size_t i = std::max(first, seen_up_to_); i < last; ++i) {
    for (const Till& till : tills_) {
      if (till.events && seen_at(till, sales_[i].place) == 0) return false;
    }
    if (i == seen_up_to_) ++seen_up_to_;
  }
  return true;
}

std::int64_t TillDriver::seen_by_all_at(std::size_t first, std::size_t last) const {
  if (missing(first, last) > 0) return 0;
  std::int64_t latest = 0;
  for (std::size_t i = first; i < last; ++i) {
    for (const Till& till : tills_) {
      if (till.events) latest = std::max(latest, seen_at(till, sales_[i].place));
    }
  }
  return latest;
}

std::size_t TillDriver::missing(std::size_t first, std::size_t last) const {
  std::size_t count = 0;
  for (std::size_t i = first; i < last; ++i) {
    for (const Till& till : tills_) {
      if (till.events && seen_at(till, sales_[i].place) == 0) ++count;
    }
  }
  return count;
}

Latencies TillDriver::latencies(std::size_t first, std::size_t last) const {
  Latencies result;
  for (std::size_t i = first; i < last; ++i) {
    const Sale& sale = sales_[i];
    std::int64_t latest = 0;
    std::size_t missing = 0;
    for (const Till& till : tills_) {
      if (!till.events) continue;
      const std::int64_t seen = seen_at(till, sale.place);
      if (seen == 0) {
        ++missing;
        continue;
      }
      result.each.push_back(seen - sale.started_ns);
      latest = std::max(latest, seen);
    }
    result.missing += missing;
    if (missing == 0) result.last.push_back(latest - sale.started_ns);
    result.last_seen_ns = std::max(result.last_seen_ns, latest);
    if (result.first_start_ns == 0 || sale.started_ns < result.first_start_ns) {
      result.first_start_ns = sale.started_ns;
    }
  }
  return result;
}

std::vector<std::int64_t> TillDriver::answer_times(std::size_t first, std::size_t last) const {
  std::vector<std::int64_t> times;
  for (std::size_t i = first; i < last; ++i) {
    times.push_back(sales_[i].answered_ns - sales_[i].started_ns);
  }
  return times;
}

}  // namespace titan::bench
