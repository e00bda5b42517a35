// What the tests of whole stores share: many tills that start and settle, and what is told when a
// check fails.
#pragma once

#include <catch2/catch.hpp>

#include <string>

#include "tests/election/lab.h"

namespace titan::election::lab {

inline std::string number_name(std::size_t i) {
  return "T" + std::to_string(i);
}

inline void add_many(Lab& lab, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) lab.add(number_name(i));
}

inline void start_all(Lab& lab) {
  for (std::size_t i = 0; i < lab.size(); ++i) lab.start(i);
}

inline bool agree(Lab& lab, Duration limit) {
  return lab.run_until([&lab] { return lab.disagreement().empty(); }, limit);
}

inline std::string told(const Lab& lab) {
  std::string text = lab.state_text();
  for (const std::string& complaint : lab.complaints()) text += complaint + "\n";
  const auto& trace = lab.whole_trace();
  for (std::size_t i = trace.size() > 80 ? trace.size() - 80 : 0; i < trace.size(); ++i) {
    text += trace[i] + "\n";
  }
  return text;
}

inline std::int64_t in_ms(Duration duration) {
  return std::chrono::duration_cast<milliseconds>(duration).count();
}

inline std::size_t only_leader(const Lab& lab) {
  const auto leaders = lab.leaders();
  REQUIRE(leaders.size() == 1);
  return leaders[0];
}

// A store that has agreed and settled.
inline void settle(Lab& lab, std::size_t count) {
  add_many(lab, count);
  start_all(lab);
  INFO(told(lab));
  REQUIRE(agree(lab, seconds(5)));
  lab.run(seconds(6));
  REQUIRE(lab.disagreement().empty());
}

inline void split_in_halves(Lab& lab, std::size_t first_of_second_half) {
  for (std::size_t i = 0; i < first_of_second_half; ++i) {
    for (std::size_t j = first_of_second_half; j < lab.size(); ++j) lab.set_link(i, j, false);
  }
}

inline void count_no_broken_rule(const Lab& lab) {
  INFO(told(lab));
  CHECK(lab.complaints().empty());
}

}  // namespace titan::election::lab
