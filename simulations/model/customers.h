// The customers: what is asked of which till and when, and how till screens behave.
//
// A screen is idempotent: it repeats a request with its key when the answer was "unknown", when the
// terminal crashed before it answered (once it is back), and now and then for no reason. All draws
// come from the seed; a day file gives times and baskets instead. Single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "mesh/journal/own_journal.h"
#include "simulations/model/surroundings.h"
#include "simulations/model/terminal.h"

namespace titan::simulations {

// A basket of a real trading day: InvoiceNo, StockCode, Description, Quantity, InvoiceDate ... in
// CSV. Lines of one invoice follow each other.
struct DaySale {
  Duration at{};  // since the day's first
  std::vector<crdt::StockEffect> effects;
  bool is_refund = false;
};
// Fails with file, line and reason.
Result<std::vector<DaySale>> read_day(const std::string& path);

class Customers {
 public:
  Customers(Surroundings& surroundings, std::vector<DaySale> day);

  // Terminals that sell, in the order of their places.
  void begin(std::vector<Terminal*> terminals);
  void stop() { stopped_ = true; }
  void on_answer(std::uint32_t place, const std::string& key, const Result<mesh::Appended>& result);
  void on_started(const Terminal& terminal);
  // No till that is up waits for an answer.
  bool are_served() const;
  std::uint64_t requests() const { return requests_; }
  std::uint64_t recorded() const { return recorded_; }

 private:
  struct Pending {
    mesh::EntryDraft draft;
    bool is_under_way = false;
  };
  struct Recorded {
    DeviceId device;
    std::string key;
    Hash request_hash;
    Hash hash;  // of the entry that the screen was shown
    std::vector<crdt::StockEffect> effects;
  };
  // A till screen. Each list has its bound in customers.cpp.
  struct Till {
    std::map<std::string, Pending> pending;            // by key: asked, not settled
    std::map<std::string, mesh::EntryDraft> answered;  // a few, to be repeated
    // The last few of each kind, to be repeated after the disk was lost.
    std::map<mesh::Kind, std::deque<mesh::EntryDraft>> last_of_kind;
    std::vector<Recorded> sales;
    std::vector<Recorded> twins;       // sales that were recorded again after the disk was lost
    std::uint64_t disks_replaced = 0;  // the terminal's, when it started last
    std::uint64_t next_key = 1;
    std::deque<std::string> used_keys;  // the last few
  };

  void open_stock();
  void sell_next();
  void sell_of_day(std::size_t number);
  void sell();
  void request(std::uint32_t place, mesh::EntryDraft draft);
  void ask(std::uint32_t place, mesh::EntryDraft draft, const std::string& key);
  void send(std::uint32_t place, const std::string& key);
  void repeat_an_answered(std::uint32_t place);
  void repeat_each_kind(std::uint32_t place);
  void reuse_a_key(std::uint32_t place);
  void note_recorded(std::uint32_t place, const mesh::EntryDraft& draft, const Hash& hash);
  mesh::EntryDraft draw_sale();
  mesh::EntryDraft draw_movement();
  mesh::EntryDraft draw_override();
  void give_back(mesh::EntryDraft& draft, const Recorded& sale, bool voids);
  std::string draw_product();

  Surroundings& surroundings_;
  Random random_;
  const std::vector<DaySale> day_;
  std::vector<Terminal*> terminals_;
  std::vector<Till> tills_;
  bool stopped_ = false;
  std::uint64_t requests_ = 0;
  std::uint64_t recorded_ = 0;
  std::uint64_t transfers_ = 0;  // that arrived here
  std::map<Hash, Hash> meant_;   // a void's claim -> that of the whole request
};

}  // namespace titan::simulations
