// A visitor made of lambdas, one per alternative of a std::variant.
#pragma once

namespace titan {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace titan
