// Field-by-field equality of plain structs, also of those that define no operator.
#pragma once

#include <algorithm>
#include <boost/pfr/functions_for.hpp>
#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace titan::mesh::testing {

template <class T>
bool same(const T& a, const T& b);

template <class T>
struct Sameness {
  static bool of(const T& a, const T& b) {
    if constexpr (std::equality_comparable<T>) {
      return a == b;
    } else {
      return fields(a, b, std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
    }
  }
  template <std::size_t... Index>
  static bool fields(const T& a, const T& b, std::index_sequence<Index...>) {
    return (same(boost::pfr::get<Index>(a), boost::pfr::get<Index>(b)) && ...);
  }
};

template <class T>
struct Sameness<std::vector<T>> {
  static bool of(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same<T>);
  }
};

template <class... Kinds>
struct Sameness<std::variant<Kinds...>> {
  static bool of(const std::variant<Kinds...>& a, const std::variant<Kinds...>& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&](const auto& one) { return same(one, std::get<std::decay_t<decltype(one)>>(b)); }, a);
  }
};

template <class T>
bool same(const T& a, const T& b) {
  return Sameness<T>::of(a, b);
}

}  // namespace titan::mesh::testing
