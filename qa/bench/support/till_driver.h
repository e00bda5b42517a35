// Sells through the API of real tills, and notes when each till tells of each sale.
//
// Load is either paced (so many sales a second, whatever happens: a till that is slow is not
// spared) or flat out (so many connections, each posting its next sale when the last is answered).
// A sale's time starts just before its request is written; one that found no free connection starts
// when it was due. Belongs to one thread and its Poller.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "qa/bench/support/api_client.h"
#include "qa/bench/support/namespaces.h"
#include "qa/bench/support/poller.h"
#include "qa/bench/support/stamps.h"

namespace titan::bench {

inline constexpr int products_for_sale = 200;  // "B0000" to "B0199"; the harness imports them

std::string sale_json(const std::string& idempotency_key, std::uint64_t sale);

class TillDriver {
 public:
  TillDriver(Poller& poller, std::vector<TillAddress> tills, std::string key_prefix);

  // Opens the event stream of a till.
  void listen(std::size_t till);

  void sell_paced(std::size_t till, double per_second);
  void sell_flat_out(std::size_t till, std::size_t connections);
  void stop_selling();  // requests under way are still answered

  // As Poller::turn(), and posts what falls due meanwhile.
  void turn(std::int64_t deadline_ns);

  std::size_t started() const { return started_; }
  std::size_t answered() const { return sales_.size(); }
  bool all_answered() const { return answered() == started_; }

  // Whether every listening till told of all sales [first, last) in the order of their answers.
  bool all_seen(std::size_t first, std::size_t last);
  // When it was complete at the slowest till, 0 if it is not.
  std::int64_t seen_by_all_at(std::size_t first, std::size_t last) const;
  std::size_t missing(std::size_t first, std::size_t last) const;

  // From the post to the listening tills' events, of sales [first, last).
  Latencies latencies(std::size_t first, std::size_t last) const;
  std::vector<std::int64_t> answer_times(std::size_t first, std::size_t last) const;

  // What the event streams told besides sales and stock: {"dead", "leader", "alarm"}.
  boost::json::object told() const;

 private:
  struct Place {  // of a sale
    std::uint32_t journal = 0;
    std::uint64_t number = 0;
  };
  struct Sale {
    Place place;
    std::int64_t started_ns = 0;
    std::int64_t answered_ns = 0;
  };
  struct Load {
    std::size_t till = 0;
    double per_second = 0;  // 0: flat out
    std::int64_t start_ns = 0;
    std::uint64_t posted = 0;
    std::size_t connections_max = 0;
  };
  struct Till {
    std::vector<std::unique_ptr<HttpConnection>> connections;
    std::unique_ptr<EventConnection> events;
    std::vector<std::vector<std::int64_t>> seen;  // by journal, number
  };

  void post_due();
  void post(const Load& load, std::int64_t due_ns, HttpConnection& connection);
  HttpConnection* free_connection(const Load& load);
  void on_answer(const HttpAnswer& answer, std::int64_t due_ns);
  void on_event(Till& till, std::string_view text, std::int64_t at_ns);
  bool read_place(std::string_view text, Place& place);
  std::int64_t seen_at(const Till& till, const Place& place) const;
  std::int64_t next_due_ns(const Load& load) const;

  static constexpr std::size_t paced_connections_max = 64;

  Poller& poller_;
  const std::vector<TillAddress> addresses_;
  const std::string key_prefix_;
  std::vector<Till> tills_;
  std::vector<Load> loads_;
  std::vector<Sale> sales_;  // in the order of their answers
  std::size_t started_ = 0;
  std::size_t seen_up_to_ = 0;  // all_seen() need not look at earlier sales again
  std::map<std::string, std::uint32_t, std::less<>> journals_;
  std::uint64_t members_dead_ = 0;
  std::uint64_t leaders_changed_ = 0;
  std::uint64_t alarms_ = 0;
};

}  // namespace titan::bench
