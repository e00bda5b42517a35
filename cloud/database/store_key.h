// A store's name: tenant and store together.
#pragma once

#include <compare>
#include <string>

namespace titan::cloud {

struct StoreKey {
  std::string tenant;
  std::string store;

  auto operator<=>(const StoreKey&) const = default;
  std::string text() const { return tenant + "/" + store; }
};

}  // namespace titan::cloud
