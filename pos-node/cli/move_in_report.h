// What `titan-pos import-v01` found in a file and what became of it, to be held against the former
// system's own report.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pos-node/cli/console.h"
#include "pos-node/move_in/move_in_rules.h"
#include "pos-node/move_in/v01/faults.h"

namespace titan::pos {

struct MoveInTotals {
  struct Day {
    std::uint64_t sales = 0;
    std::int64_t total_minor = 0;
  };
  std::uint64_t sales = 0;
  std::uint64_t known_sales = 0;      // moved in before, here or at another till
  std::uint64_t differing_sales = 0;  // another one is here under its id; not among the sales
  std::int64_t new_minor = 0;         // of completed sales
  std::int64_t known_minor = 0;
  std::uint64_t pending = 0;
  std::uint64_t voided = 0;
  std::uint64_t refunded = 0;
  std::map<std::string, Day> days;              // of completed sales, by business day
  std::map<std::string, std::int64_t> methods;  // of these, less the change

  std::uint64_t products = 0;
  std::uint64_t products_changed = 0;
  std::uint64_t products_added = 0;
  std::uint64_t products_kept = 0;              // are here and differ
  std::vector<std::string> products_differing;  // the first of these: what differs

  std::uint64_t stocks = 0;
  std::uint64_t stocks_known = 0;
  std::uint64_t stocks_claimed = 0;                  // another file's stock of the article counts
  std::map<std::string, std::string> stock_differs;  // sku -> what counts instead

  void forget_sales();
  void take(const FormerSale& sale, const std::string& business_date, bool is_known,
            std::uint32_t exponent);
};

struct MoveInReport {
  std::string id;
  std::string terminal;
  std::string store;
  std::string currency;
  std::uint32_t exponent = 2;
  bool dry_run = false;
  std::vector<std::string> notes;
  std::uint64_t products_left_out = 0;
  std::uint64_t sales_left_out = 0;
};

void print_report(Console& console, const MoveInReport& report, const MoveInTotals& totals);
std::string report_json(const MoveInReport& report, const MoveInTotals& totals,
                        const v01::Faults& faults);

}  // namespace titan::pos
